//! The properties that tools, resources and prompts have in common.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::check_name;
use super::version::{VERSION_RULE, is_version};
use crate::access::{SCOPE_RULE, is_scope};
use crate::content::{Icon, push_icons, push_optional};
use crate::layer::Layer;
use crate::protocol::json::push_string;
use crate::protocol::meta::key_mistake;
use crate::protocol::revision::Features;
use crate::service::Timeout;

/// The properties of a component of any kind.
///
/// Builders fill it in, and the entry of a served component contains it. Code that handles components of all kinds reads
/// their properties here: authorization reads `scopes`; a layer around calls or a mounted server reads `timeout` and `tags`.
/// A new property of this kind needs a field here and a builder method in [`define!`].
#[derive(Clone)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(super) title: Option<String>,
    pub(crate) description: Option<Arc<str>>,
    pub(super) icons: Vec<Icon>,
    /// `_meta`; an object after the check.
    pub(super) meta: Option<Value>,
    /// The time limit of a call.
    pub(crate) timeout: Option<Timeout>,
    /// The layers around its calls, from the outermost inwards.
    pub(crate) layers: Vec<Arc<dyn Layer>>,
    /// The tags by which a server selects components; not sent to clients.
    pub(crate) tags: Vec<String>,
    /// The OAuth scopes that a caller needs; not sent to clients.
    pub(crate) scopes: Vec<String>,
    /// `true` if a caller without these scopes does not see the component.
    pub(crate) hidden: bool,
    /// The version, if there are several components of one name or URI.
    pub(crate) version: Option<String>,
    /// The name before a transform gave it another one.
    pub(super) original_name: Option<String>,
    /// `true` if another component of the same name takes its place.
    #[cfg(feature = "openapi")]
    pub(crate) is_generated: bool,
}

/// The builder methods that set the members of a [`Definition`].
macro_rules! define {
    ($component:ident) => {
        impl $component {
            /// Sets the display name.
            pub fn title(mut self, title: impl Into<String>) -> Self {
                self.definition.title = Some(title.into());
                self
            }

            /// Sets the description. Models read the descriptions of tools, and users those of resources and prompts.
            pub fn description(mut self, description: impl Into<String>) -> Self {
                self.definition.description = Some(description.into().into());
                self
            }

            /// Sets the icons that a client may show beside it, in revisions from 2025-11-25 on.
            ///
            /// Their sources must be `https://` URLs or `data:` URIs, or the server cannot be built.
            /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
            pub fn icons(mut self, icons: impl $crate::content::IntoIcons) -> Self {
                self.definition.icons = icons.into_icons();
                self
            }

            /// Sets its `_meta`, an object, which is sent in revisions from 2025-06-18 on.
            ///
            /// The keys must follow the rules of
            /// <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>, or the server cannot be built.
            pub fn meta(mut self, meta: impl Into<serde_json::Value>) -> Self {
                self.definition.meta = Some(meta.into());
                self
            }

            /// Sets the time limit of a call, which replaces that of [`Server::timeout`](crate::Server::timeout). It must be
            /// greater than zero, or the server cannot be built. [`Timeout::NONE`](crate::Timeout::NONE) is no limit.
            ///
            /// A `Duration` is a fixed limit. Progress can extend a [`Timeout`](crate::Timeout).
            ///
            /// When the time is up, the call ends and the caller receives an error. An `async` handler is dropped at its next
            /// `.await`. A plain `fn` can detect it with [`Cancel`](crate::Cancel); its thread counts as a running request
            /// until it returns. An `inline` handler cannot be stopped: its time limit is not checked before it returns.
            ///
            /// Time spent waiting for answers to questions does not count. In revisions without sessions, each attempt has
            /// its own time limit.
            pub fn timeout(mut self, limit: impl Into<$crate::service::Timeout>) -> Self {
                self.definition.timeout = Some(limit.into());
                self
            }

            /// Adds a layer around its calls and the completions of its arguments: see
            /// [the chapter about layers](crate::layer). It is inside of the layers of the server and of those added before.
            pub fn layer(mut self, layer: impl $crate::layer::Layer) -> Self {
                self.definition.layers.push(std::sync::Arc::new(layer));
                self
            }

            /// Adds a tag, by which [`Server::only_tagged`](crate::Server::only_tagged) and
            /// [`Server::without_tagged`](crate::Server::without_tagged) select components. Tags are not sent to clients.
            pub fn tag(mut self, tag: impl Into<String>) -> Self {
                self.definition.tags.push(tag.into());
                self
            }

            /// Adds an OAuth scope that a caller needs, besides those added before.
            ///
            /// A caller without it sees the component in lists, and its requests are refused: over HTTP with 403 and a challenge
            /// that names all scopes of the component. The server needs authorization, or it cannot be built: see `Server::auth`,
            /// with the feature `auth`.
            pub fn scope(mut self, scope: impl Into<String>) -> Self {
                self.definition.scopes.push(scope.into());
                self
            }

            /// Hides the component from callers without its scopes: it is missing in lists, and unknown in requests. Without a
            /// scope the server cannot be built.
            pub fn hidden(mut self) -> Self {
                self.definition.hidden = true;
                self
            }

            /// Sets the version. A server can have several versions of one name or URI: a caller has the highest one that it
            /// sees and whose scopes it has, in lists and in requests.
            ///
            /// The version is sent as `version` in `_meta` of the definition, with all versions that the caller sees as
            /// `versions`. A request for another one has it as `version` in its `_meta`, a string.
            ///
            /// A version begins with a letter or digit, and has at most 64 letters, digits, `.`, `-`, `+` and `_`. Its parts
            /// between dots are compared as numbers, or else as texts: `1.10` is higher than `1.9`.
            /// [`ResponseCache`](crate::ResponseCache) does not keep results of tools and prompts with a version.
            pub fn version(mut self, version: impl Into<String>) -> Self {
                self.definition.version = Some(version.into());
                self
            }
        }
    };
}

pub(super) use define;

/// Returns what is wrong with a scope of a component.
fn scope_mistake(scope: &str) -> Option<String> {
    match scope {
        _ if !is_scope(scope) => Some(format!("`{scope}` is not a scope: {SCOPE_RULE}")),
        "offline_access" => Some(
            "the scope `offline_access` asks for a refresh token, and is no right: remove it"
                .to_owned(),
        ),
        _ => None,
    }
}

impl Definition {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            icons: Vec::new(),
            meta: None,
            timeout: None,
            layers: Vec::new(),
            tags: Vec::new(),
            scopes: Vec::new(),
            hidden: false,
            version: None,
            original_name: None,
            #[cfg(feature = "openapi")]
            is_generated: false,
        }
    }

    /// Returns the scopes without which the component is hidden.
    pub(super) fn hiding_scopes(&self) -> &[String] {
        if self.hidden { &self.scopes } else { &[] }
    }

    /// Records a problem if clients may not accept the name.
    pub(super) fn check_name(&self, kind: &str, problems: &mut Vec<String>) {
        check_name(kind, &self.name, problems);
    }

    /// Records the other problems that prevent the component from being served.
    pub(super) fn check(&self, place: &str, problems: &mut Vec<String>) {
        let icons = self.icons.iter().filter_map(Icon::mistake);
        let mistakes = icons.chain(self.meta_mistakes());
        problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
        if self.timeout.is_some_and(|timeout| timeout.limit.is_zero()) {
            problems.push(format!(
                "{place}: a timeout of zero stops every call: give it some time, or `Timeout::NONE`"
            ));
        }
        if self.tags.iter().any(|tag| tag.trim().is_empty()) {
            problems.push(format!("{place}: a tag is empty: leave it out"));
        }
        let mistakes = self.scopes.iter().filter_map(|scope| scope_mistake(scope));
        problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
        if let Some(version) = self.version.as_ref().filter(|it| !is_version(it)) {
            problems.push(format!(
                "{place}: `{version}` is not a version: {VERSION_RULE}"
            ));
        }
        if self.hidden && self.scopes.is_empty() {
            problems.push(format!(
                "{place} is hidden from callers without its scopes, and has none: add `scopes(..)` or remove `hidden`"
            ));
        }
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

    /// Adds the URI of a tool's interface to `_meta`, and keeps its other members.
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
            // The older form, which hosts still read.
            meta.insert("ui/resourceUri".to_owned(), uri.into());
        }
    }

    /// Sets who can call a tool, in `_meta`.
    pub(super) fn add_visibility(&mut self, callers: Vec<&str>) {
        let meta = self.meta.get_or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            let ui = meta.entry("ui").or_insert_with(|| json!({}));
            if let Some(ui) = ui.as_object_mut() {
                ui.insert("visibility".to_owned(), callers.into());
            }
        }
    }

    /// Adds what a page asks of hosts to `_meta`. Returns `false` if `_meta` has it already.
    pub(super) fn add_page(&mut self, ui: Map<String, Value>) -> bool {
        let meta = self.meta.get_or_insert_with(|| json!({}));
        let Some(meta) = meta.as_object_mut() else {
            return true;
        };
        if !ui.is_empty() && meta.contains_key("ui") {
            return false;
        }
        if !ui.is_empty() {
            meta.insert("ui".to_owned(), ui.into());
        }
        true
    }

    /// Returns `ui` in `_meta`.
    pub(super) fn ui(&self) -> Option<&Value> {
        self.meta.as_ref()?.get("ui")
    }

    /// Replaces `ui` in `_meta`, if there is one.
    pub(super) fn set_ui(&mut self, ui: &Value) {
        let meta = self.meta.as_mut();
        if let Some(value) = meta.and_then(|meta| meta.get_mut("ui")) {
            value.clone_from(ui);
        }
    }

    /// Appends the object for a list, encoded for a revision. `own` appends the members that are specific to the kind of
    /// component, each after a comma. `versions` are those that the client sees.
    pub(super) fn push(
        &self,
        out: &mut String,
        features: &Features,
        versions: &[&str],
        own: impl FnOnce(&mut String),
    ) {
        out.push_str("{\"name\":");
        push_string(out, &self.name);
        let newer = features.titles_and_meta;
        push_optional(out, "title", self.title.as_ref().filter(|_| newer));
        push_optional(out, "description", self.description.as_deref());
        own(out);
        push_icons(out, &self.icons, features);
        let meta = self.meta.as_ref().and_then(Value::as_object);
        let with_version = self.version.as_ref().map(|version| {
            let meta = meta.cloned().unwrap_or_default();
            meta_with_version(meta, version, versions)
        });
        let meta = with_version.as_ref().or(meta);
        let shown = meta.filter(|meta| newer && !meta.is_empty());
        push_optional(out, "_meta", shown);
        out.push('}');
    }
}

/// Adds the version of a component to its `_meta`, and all versions that the client sees.
fn meta_with_version(
    mut meta: Map<String, Value>,
    version: &str,
    versions: &[&str],
) -> Map<String, Value> {
    meta.insert("version".to_owned(), version.into());
    if versions.len() > 1 {
        meta.insert("versions".to_owned(), versions.into());
    }
    meta
}
