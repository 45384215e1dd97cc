//! What tools, resources and prompts can all carry beside their own members: icons and `_meta`.

use serde_json::{Map, Value, json};

use crate::content::{Icon, push_icons, push_member};
use crate::protocol::meta::{Prefix, prefix};
use crate::protocol::revision::Features;

/// Icons and `_meta` of a component.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) icons: Vec<Icon>,
    /// An object, once it is checked.
    pub(super) meta: Option<Value>,
}

macro_rules! extras {
    ($($component:ident)*) => {$(
        impl $component {
            /// Sets the pictures that a client may show beside it, in revisions from 2025-11-25 on. They must be at
            /// `https://` or in `data:` URIs, or the server cannot be built.
            /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
            pub fn icons(mut self, icons: impl $crate::content::IntoIcons) -> Self {
                self.extras.icons = icons.into_icons();
                self
            }

            /// Sets its `_meta`, an object, shown in revisions from 2025-06-18 on. Its keys must follow the rules of
            /// <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>, or the server cannot be built.
            pub fn meta(mut self, meta: impl Into<serde_json::Value>) -> Self {
                self.extras.meta = Some(meta.into());
                self
            }
        }
    )*};
}

pub(super) use extras;

impl Extras {
    /// Notes what no client would take.
    pub(super) fn check(&self, place: &str, problems: &mut Vec<String>) {
        let mistakes = self.icons.iter().filter_map(Icon::mistake);
        problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
        match &self.meta {
            Some(Value::Object(meta)) => {
                let mistakes = meta.keys().filter_map(|key| key_mistake(key));
                problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
            }
            Some(_) => problems.push(format!(
                "{place}: `_meta` is an object: write `json!({{ \"com.example/key\": value }})`"
            )),
            None => {}
        }
    }

    /// Names a tool's interface, beside what its author says of it.
    pub(super) fn add_interface(&mut self, uri: &str) {
        let meta = self.meta.get_or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            let interface = meta.entry("ui").or_insert_with(|| json!({}));
            match interface.as_object_mut() {
                Some(interface) => {
                    interface.insert("resourceUri".to_owned(), uri.into());
                }
                None => *interface = json!({ "resourceUri": uri }),
            }
            // The older spelling, which hosts still read.
            meta.insert("ui/resourceUri".to_owned(), uri.into());
        }
    }

    fn meta(&self) -> Option<&Map<String, Value>> {
        self.meta
            .as_ref()
            .and_then(Value::as_object)
            .filter(|meta| !meta.is_empty())
    }

    /// Appends what a revision knows of it.
    pub(super) fn push(&self, out: &mut String, features: &Features) {
        push_icons(out, &self.icons, features);
        if let Some(meta) = self.meta().filter(|_| features.titles_and_meta) {
            push_member(out, "_meta", meta);
        }
    }
}

fn key_mistake(key: &str) -> Option<String> {
    match prefix(key) {
        None => Some(format!(
            "`{key}` is no key for `_meta`: write a name such as `note`, or `com.example/note`"
        )),
        Some(Prefix::Reserved) => Some(format!(
            "`{key}` in `_meta` has a prefix that is kept for the protocol: use one of your own, such as `com.example/`"
        )),
        Some(Prefix::Absent | Prefix::Free) => None,
    }
}
