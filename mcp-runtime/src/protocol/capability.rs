//! The client's name and its declared capabilities.

use std::borrow::Cow;

use mcp_grammar::app;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The extension for pages of tools, MCP Apps.
pub(crate) const APPS: &str = "io.modelcontextprotocol/ui";

/// A client's name and version, as the client sends them. They are not verified: use them for display and logs only.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Name the client.
/// #[tool(read_only)]
/// async fn client(context: Context) -> String {
///     let client = context.client();
///     format!("{} {}", client.name, client.version)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The client's name.
    #[serde(default)]
    pub name: String,
    /// The client's version.
    #[serde(default)]
    pub version: String,
    /// The same as in the capabilities.
    #[serde(skip)]
    pub(crate) apps: bool,
}

/// The capabilities that a client declares.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/schema#clientcapabilities>.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Tell whether the user can be asked.
/// #[tool(read_only)]
/// async fn can_ask(context: Context) -> bool {
///     context.client_capabilities().elicitation_form
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // a set of flags
pub struct ClientCapabilities {
    /// The client can list its roots.
    pub roots: bool,
    /// The client can sample its model.
    pub sampling: bool,
    /// The client can ask its user to fill in a form.
    pub elicitation_form: bool,
    /// The client can send its user to a URL.
    pub elicitation_url: bool,
    /// The client shows the pages of MCP Apps.
    pub apps: bool,
    /// The client can receive a task instead of a result.
    pub tasks: bool,
}

/// The extension for tasks.
///
/// See <https://github.com/modelcontextprotocol/ext-tasks>.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// One capability of a client.
///
/// ```
/// use mcp_runtime::{Capability, prelude::*};
///
/// /// Start work that needs an answer of the user at its end.
/// #[tool]
/// async fn start(context: Context) -> Result<(), ToolError> {
///     context.require(Capability::ElicitationForm)?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// List the client's roots.
    Roots,
    /// Sample the client's model.
    Sampling,
    /// Ask the user to fill in a form.
    ElicitationForm,
    /// Send the user to a URL.
    ElicitationUrl,
}

impl Capability {
    /// Returns the action of a client with this capability, as a phrase after "cannot".
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Roots => "list its roots",
            Self::Sampling => "sample a model",
            Self::ElicitationForm => "ask its user to fill in a form",
            Self::ElicitationUrl => "send its user to a URL",
        }
    }

    /// Returns the JSON with which a client declares the capability.
    pub(crate) fn declaration(self) -> Value {
        match self {
            Self::Roots => json!({ "roots": {} }),
            Self::Sampling => json!({ "sampling": {} }),
            Self::ElicitationForm => json!({ "elicitation": { "form": {} } }),
            Self::ElicitationUrl => json!({ "elicitation": { "url": {} } }),
        }
    }
}

/// Returns the `extensions` of a client that shows pages.
pub(crate) fn apps_declaration() -> Value {
    json!({ APPS: { "mimeTypes": [app::MIME] } })
}

/// Returns the JSON with which a client declares all of these capabilities.
pub(crate) fn declarations(capabilities: &[Capability]) -> Value {
    let mut all = json!({});
    for capability in capabilities {
        let declaration = capability.declaration();
        for (name, modes) in declaration.as_object().into_iter().flatten() {
            for (mode, how) in modes.as_object().into_iter().flatten() {
                all[name][mode] = how.clone();
            }
            if all[name].is_null() {
                all[name] = json!({});
            }
        }
    }
    all
}

#[derive(Deserialize)]
struct Declared<'a> {
    #[serde(borrow, default)]
    roots: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sampling: Option<&'a RawValue>,
    #[serde(borrow, default)]
    elicitation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extensions: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Extensions<'a> {
    #[serde(borrow, default, rename = "io.modelcontextprotocol/ui")]
    apps: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/tasks")]
    tasks: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AppSettings<'a> {
    #[serde(borrow, default, rename = "mimeTypes")]
    mime_types: Vec<Cow<'a, str>>,
}

/// Returns `true` if a client declares that it shows pages, with their MIME type.
fn shows_apps(apps: Option<&RawValue>) -> bool {
    let settings = apps.and_then(|it| object::<AppSettings<'_>>(it.get()));
    settings.is_some_and(|it| it.mime_types.iter().any(|mime| mime == app::MIME))
}

#[derive(Deserialize)]
struct Elicitation<'a> {
    #[serde(borrow, default)]
    form: Option<&'a RawValue>,
    #[serde(borrow, default)]
    url: Option<&'a RawValue>,
}

/// Parses an object. Returns `None` for other JSON: serde also deserialises a struct from an array.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.starts_with('{');
    is_object.then(|| serde_json::from_str(json).ok()).flatten()
}

/// Returns `true` if a capability is declared. Returns `None` if its value is not an object.
fn is_declared(capability: Option<&RawValue>) -> Option<bool> {
    capability.map_or(Some(false), |value| {
        value.get().starts_with('{').then_some(true)
    })
}

impl ClientCapabilities {
    /// Returns the JSON with which a client declares those of these capabilities that a revision knows.
    #[cfg(feature = "proxy")]
    pub(crate) fn declared(self, knows: impl Fn(Capability) -> bool) -> Value {
        use Capability::{ElicitationForm, ElicitationUrl, Roots, Sampling};
        let all = [ElicitationForm, ElicitationUrl, Sampling, Roots];
        let declared = all.into_iter().filter(|it| self.has(*it) && knows(*it));
        let mut declared = declarations(&declared.collect::<Vec<_>>());
        if self.apps {
            declared["extensions"] = apps_declaration();
        }
        declared
    }

    /// Returns `true` if the client has this capability.
    pub fn has(self, capability: Capability) -> bool {
        match capability {
            Capability::Roots => self.roots,
            Capability::Sampling => self.sampling,
            Capability::ElicitationForm => self.elicitation_form,
            Capability::ElicitationUrl => self.elicitation_url,
        }
    }

    /// Adds a capability.
    pub(crate) fn add(&mut self, capability: Capability) {
        let declared = match capability {
            Capability::Roots => &mut self.roots,
            Capability::Sampling => &mut self.sampling,
            Capability::ElicitationForm => &mut self.elicitation_form,
            Capability::ElicitationUrl => &mut self.elicitation_url,
        };
        *declared = true;
    }

    /// Parses the `capabilities` object. Returns `None` if the JSON is not an object, or if a capability in it is not.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        // Most clients have none of these capabilities, and send `{}` with each request.
        if json == "{}" {
            return Some(Self::default());
        }
        let declared: Declared<'_> = object(json)?;
        let (form, url) = match declared.elicitation {
            None => (false, false),
            Some(modes) => {
                let modes: Elicitation<'_> = object(modes.get())?;
                let (form, url) = (is_declared(modes.form)?, is_declared(modes.url)?);
                // An empty object means forms, as it did before there were modes.
                (form || !url, url)
            }
        };
        let extensions: Extensions<'_> = match declared.extensions {
            None => Extensions::default(),
            Some(extensions) => object(extensions.get())?,
        };
        Some(Self {
            tasks: is_declared(extensions.tasks)?,
            roots: is_declared(declared.roots)?,
            sampling: is_declared(declared.sampling)?,
            elicitation_form: form,
            elicitation_url: url,
            apps: shows_apps(extensions.apps),
        })
    }
}

impl ClientInfo {
    /// Returns `true` if the client declared that it shows the pages of MCP Apps, in this request or in the handshake of its
    /// session. Others receive the text of a result alone.
    ///
    /// See <https://modelcontextprotocol.io/extensions/apps/overview>.
    pub fn apps(&self) -> bool {
        self.apps
    }

    /// Parses a `clientInfo` object. Missing fields are empty.
    pub(crate) fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_elicitation_object_means_forms() {
        let parse = |json| ClientCapabilities::parse(json).unwrap_or_default();
        assert!(parse(r#"{"elicitation":{}}"#).elicitation_form);
        assert!(!parse(r#"{"elicitation":{"url":{}}}"#).elicitation_form);
        assert!(parse(r#"{"elicitation":{"url":{},"form":{}}}"#).elicitation_url);
        assert!(parse(r#"{"roots":{"listChanged":true}}"#).roots);
        assert!(parse(r#"{"elicitation":null,"roots": {} }"#).roots);
    }

    #[test]
    fn apps_are_declared_with_the_type_of_pages() {
        let apps = |settings: &str| {
            let json = format!(r#"{{"extensions":{{"io.modelcontextprotocol/ui":{settings}}}}}"#);
            ClientCapabilities::parse(&json).map(|it| it.apps)
        };
        assert_eq!(
            apps(r#"{"mimeTypes":["text/html;profile=mcp-app"]}"#),
            Some(true)
        );
        assert_eq!(
            apps(r#"{"mimeTypes":["a/b","text\/html;profile=mcp-app"],"x":1}"#),
            Some(true)
        );
        for settings in [
            "{}",
            "null",
            "true",
            "[]",
            r#"{"mimeTypes":[]}"#,
            r#"{"mimeTypes":["text/html"]}"#,
            r#"{"mimeTypes":"text/html;profile=mcp-app"}"#,
        ] {
            assert_eq!(apps(settings), Some(false), "{settings}");
        }
        let declared = json!({ "extensions": apps_declaration() }).to_string();
        assert!(
            ClientCapabilities::parse(&declared)
                .unwrap_or_default()
                .apps
        );
        let other = ClientCapabilities::parse(r#"{"extensions":{"com.example/x":{}}}"#);
        assert!(!other.unwrap_or_default().apps);
    }

    #[test]
    fn a_capability_is_declared_by_an_object() {
        for json in [
            "[]",
            "7",
            "null",
            r#"{"sampling":false}"#,
            r#"{"sampling":true}"#,
            r#"{"roots":[]}"#,
            r#"{"elicitation":true}"#,
            r#"{"elicitation":[]}"#,
            r#"{"elicitation":{"form":false}}"#,
            r#"{"elicitation":{"url":"yes"}}"#,
        ] {
            assert_eq!(ClientCapabilities::parse(json), None, "{json}");
        }
    }
}
