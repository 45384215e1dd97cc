//! The part of a definition that tools, resources and prompts have in common.

use std::time::Duration;

use serde_json::{Value, json};

use super::check_name;
use crate::content::{Icon, push_icons, push_optional};
use crate::protocol::json::push_string;
use crate::protocol::meta::key_mistake;
use crate::protocol::revision::Features;

/// What a tool, a resource and a prompt are all defined by.
///
/// A builder fills it in and the entry that is served keeps it whole. So whatever decides about a component of any kind
/// reads it here: authorization its `scopes`, a layer around calls or a mounted server its `timeout` and `tags`. A property
/// of that sort which is new gets its field here and its builder method in [`define!`].
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(super) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(super) icons: Vec<Icon>,
    /// An object, once it is checked.
    pub(super) meta: Option<Value>,
    /// How long one call may take.
    pub(crate) timeout: Option<Duration>,
    /// By which a server chooses components; not shown to clients.
    pub(super) tags: Vec<String>,
    /// The OAuth scopes that a caller needs; not shown to clients.
    pub(super) scopes: Vec<String>,
}

/// The builder methods that set the members of a [`Definition`].
macro_rules! define {
    ($component:ident) => {
        impl $component {
            /// Sets the name that people read.
            pub fn title(mut self, title: impl Into<String>) -> Self {
                self.definition.title = Some(title.into());
                self
            }

            /// Describes it: models read the description of a tool, people that of a resource or a prompt.
            pub fn description(mut self, description: impl Into<String>) -> Self {
                self.definition.description = Some(description.into());
                self
            }

            /// Sets the pictures that a client may show beside it, in revisions from 2025-11-25 on. They must be at
            /// `https://` or in `data:` URIs, or the server cannot be built.
            /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
            pub fn icons(mut self, icons: impl $crate::content::IntoIcons) -> Self {
                self.definition.icons = icons.into_icons();
                self
            }

            /// Sets its `_meta`, an object, shown in revisions from 2025-06-18 on. Its keys must follow the rules of
            /// <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>, or the server cannot be built.
            pub fn meta(mut self, meta: impl Into<serde_json::Value>) -> Self {
                self.definition.meta = Some(meta.into());
                self
            }

            /// Says how long one call may take: more than zero, or the server cannot be built.
            ///
            /// When the time is up, the caller is told so and the call ends. An `async` handler is dropped at its next
            /// `.await`. A plain `fn` learns of it through [`Cancel`](crate::Cancel), and its thread counts as a request
            /// until it ends. An `inline` one cannot be stopped: nothing is looked at until it is done.
            ///
            /// The time in which a question waits for its answer does not count; in revisions without sessions, each
            /// attempt has its own time.
            pub fn timeout(mut self, limit: std::time::Duration) -> Self {
                self.definition.timeout = Some(limit);
                self
            }

            /// Adds a tag, by which [`Server::only_tagged`](crate::Server::only_tagged) and
            /// [`Server::without_tagged`](crate::Server::without_tagged) choose. Clients do not see it.
            pub fn tag(mut self, tag: impl Into<String>) -> Self {
                self.definition.tags.push(tag.into());
                self
            }

            /// Adds an OAuth scope that a caller needs.
            ///
            /// There is no authorization yet that could grant one, so that a server with such a component cannot be built.
            pub fn scope(mut self, scope: impl Into<String>) -> Self {
                self.definition.scopes.push(scope.into());
                self
            }
        }
    };
}

pub(super) use define;

impl Definition {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            icons: Vec::new(),
            meta: None,
            timeout: None,
            tags: Vec::new(),
            scopes: Vec::new(),
        }
    }

    /// Notes what keeps a component from being offered.
    pub(super) fn check(&self, kind: &str, place: &str, problems: &mut Vec<String>) {
        check_name(kind, &self.name, problems);
        let icons = self.icons.iter().filter_map(Icon::mistake);
        let mistakes = icons.chain(self.meta_mistakes());
        problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            problems.push(format!(
                "{place}: a timeout of zero stops every call: give it some time, or leave `timeout` out"
            ));
        }
        if self.tags.iter().any(|tag| tag.trim().is_empty()) {
            problems.push(format!("{place}: a tag is empty: leave it out"));
        }
        // Whoever wrote a scope means to keep others out. As long as nobody can be, nobody is let in.
        problems.extend(self.scopes.iter().map(|scope| {
            format!(
                "{place} needs the scope `{scope}`, and this server has no authorization yet: remove `scopes(..)` or leave the component out"
            )
        }));
    }

    fn meta_mistakes(&self) -> Vec<String> {
        match &self.meta {
            Some(Value::Object(meta)) => meta.keys().filter_map(|key| key_mistake(key)).collect(),
            Some(_) => vec![
                "`_meta` is an object: write `json!({ \"com.example/key\": value })`".to_owned(),
            ],
            None => Vec::new(),
        }
    }

    /// Names a tool's interface in `_meta`, beside what its author says there.
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

    /// Appends the object that a list shows, in the words of a revision. `own` appends the members that only this kind of
    /// component has, each after a comma.
    pub(super) fn push(
        &self,
        out: &mut String,
        features: &Features,
        own: impl FnOnce(&mut String),
    ) {
        out.push_str("{\"name\":");
        push_string(out, &self.name);
        let newer = features.titles_and_meta;
        push_optional(out, "title", self.title.as_ref().filter(|_| newer));
        push_optional(out, "description", self.description.as_ref());
        own(out);
        push_icons(out, &self.icons, features);
        let meta = self.meta.as_ref().and_then(Value::as_object);
        let shown = meta.filter(|meta| newer && !meta.is_empty());
        push_optional(out, "_meta", shown);
        out.push('}');
    }
}
