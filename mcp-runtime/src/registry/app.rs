//! Pages of MCP Apps: what they ask of a host, and the checks of it. It is `ui` in the `_meta` of resources and tools.
//!
//! See <https://modelcontextprotocol.io/extensions/apps/overview>.

use mcp_grammar::app::{
    AUDIENCES, DOMAIN_RULE, MIME, PERMISSIONS, SCHEME, is_domain, origin_mistake,
};
use serde_json::{Map, Value, json};

use crate::content::ResourceContents;

/// What a page of MCP Apps asks of the host that shows it: the origins of its Content Security Policy, permissions, and its frame.
///
/// A host blocks each origin that is not in one of the lists. An origin is `https://host`, with or without a port, and a host can
/// begin with `*.` for all subdomains of a domain. `http` is for `localhost`, `127.0.0.1` and `[::1]` only. With any other text, the
/// server cannot be built.
///
/// ```
/// use mcp_runtime::serde_json::Value;
/// use mcp_runtime::{App, Context, Resource, Server};
///
/// let page = Resource::new("ui://map", "map", |_: Value, _: Context| async { "<!doctype html><title>Map</title>" })
///     .app(App::new().connect(["https://api.example.com"]).resources(["https://*.example.com"]).prefers_border(true));
/// let server = Server::new("maps", "1.0.0").with(page);
/// ```
///
/// See <https://modelcontextprotocol.io/extensions/apps/overview>.
#[derive(Debug, Clone, Default)]
pub struct App {
    csp: Map<String, Value>,
    permissions: Map<String, Value>,
    domain: Option<String>,
    prefers_border: Option<bool>,
}

/// A permission that a page can ask for. The host may refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AppPermission {
    /// Use the camera.
    Camera,
    /// Use the microphone.
    Microphone,
    /// Read the position of the device.
    Geolocation,
    /// Write to the clipboard.
    ClipboardWrite,
}

/// Who can call a tool, in a host with MCP Apps: see [`Tool::visibility`](crate::Tool::visibility).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolVisibility {
    /// The model.
    Model,
    /// The pages of the same server.
    App,
}

impl ToolVisibility {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::App => "app",
        }
    }
}

/// The lists of origins. `true` for requests.
const LISTS: [(&str, bool); 4] = [
    ("connectDomains", true),
    ("resourceDomains", false),
    ("frameDomains", false),
    ("baseUriDomains", false),
];

impl App {
    /// Creates a page that asks for nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds origins of the page's requests (`fetch`, `XMLHttpRequest`, WebSockets): `connectDomains`. They may also be
    /// `wss://host`.
    pub fn connect(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.list("connectDomains", origins)
    }

    /// Adds origins of images, scripts, stylesheets, fonts and media: `resourceDomains`.
    pub fn resources(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.list("resourceDomains", origins)
    }

    /// Adds origins of frames in the page: `frameDomains`.
    pub fn frames(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.list("frameDomains", origins)
    }

    /// Adds origins of the page's `<base>`: `baseUriDomains`.
    pub fn base_uris(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.list("baseUriDomains", origins)
    }

    fn list(mut self, name: &str, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let list = self.csp.entry(name).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.extend(origins.into_iter().map(|origin| origin.into().into()));
        }
        self
    }

    /// Adds permissions. The host may refuse each of them, so the page checks at run time what it can use.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = AppPermission>) -> Self {
        let names = permissions.into_iter().map(|permission| match permission {
            AppPermission::Camera => "camera",
            AppPermission::Microphone => "microphone",
            AppPermission::Geolocation => "geolocation",
            AppPermission::ClipboardWrite => "clipboardWrite",
        });
        let members = names.map(|name| (name.to_owned(), json!({})));
        self.permissions.extend(members);
        self
    }

    /// Sets the origin that the page has, in the form that the documentation of the host prescribes. By default the host chooses one.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets whether the host should draw a border and a background around the page. By default the host decides.
    pub fn prefers_border(mut self, border: bool) -> Self {
        self.prefers_border = Some(border);
        self
    }

    /// Returns `ui`.
    pub(super) fn into_json(self) -> Map<String, Value> {
        let parts = [
            ("csp", (!self.csp.is_empty()).then(|| self.csp.into())),
            (
                "permissions",
                (!self.permissions.is_empty()).then(|| self.permissions.into()),
            ),
            ("domain", self.domain.map(Value::from)),
            ("prefersBorder", self.prefers_border.map(Value::from)),
        ];
        let parts = parts.into_iter();
        parts
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// Returns `true` if a resource of this URI can be a page.
pub(super) fn is_page(uri: &str) -> bool {
    uri.starts_with(SCHEME)
}

/// Returns `true` if a resource of another server can be a page. Schemes are equal in any case, and a template such as `ui:{+x}` has
/// URIs of pages.
pub(super) fn is_relayed_page(uri: &str) -> bool {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("ui"))
}

/// Removes the parts of a page's `ui` that a host must not act on, and returns a mistake for each.
pub(super) fn remove_mistakes(ui: &mut Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    let Some(members) = ui.as_object_mut() else {
        *ui = json!({});
        return vec!["`ui` in its `_meta` is an object: use `App`".to_owned()];
    };
    members.retain(|name, value| {
        let mistake = match name.as_str() {
            "csp" => remove_origins(value, &mut mistakes),
            "permissions" => remove_permissions(value, &mut mistakes),
            "domain" if !value.as_str().is_some_and(is_domain) => Some(DOMAIN_RULE.to_owned()),
            "prefersBorder" if !value.is_boolean() => {
                Some("`prefersBorder` is `true` or `false`".to_owned())
            }
            _ => None,
        };
        let is_valid = mistake.is_none();
        mistakes.extend(mistake);
        is_valid
    });
    mistakes
}

/// Removes everything but origins from `csp`. Returns a mistake if it is no object.
fn remove_origins(csp: &mut Value, mistakes: &mut Vec<String>) -> Option<String> {
    let Some(lists) = csp.as_object_mut() else {
        return Some("`csp` is an object of lists of origins".to_owned());
    };
    lists.retain(|name, list| {
        let Some((_, for_requests)) = LISTS.iter().find(|(known, _)| known == name) else {
            mistakes.push(format!("`csp` has no list `{name}`"));
            return false;
        };
        let Some(origins) = list.as_array_mut() else {
            mistakes.push(format!("`{name}` is a list of origins"));
            return false;
        };
        origins.retain(|origin| {
            let mistake = match origin.as_str() {
                Some(origin) => origin_mistake(origin, *for_requests),
                None => Some(format!("`{name}` is a list of texts")),
            };
            let is_valid = mistake.is_none();
            mistakes.extend(mistake);
            is_valid
        });
        true
    });
    None
}

/// Removes unknown permissions. Returns a mistake if it is no object.
fn remove_permissions(permissions: &mut Value, mistakes: &mut Vec<String>) -> Option<String> {
    let Some(all) = permissions.as_object_mut() else {
        return Some("`permissions` is an object: write `{ \"camera\": {} }`".to_owned());
    };
    all.retain(|name, value| {
        let is_valid = PERMISSIONS.contains(&name.as_str()) && value.is_object();
        if !is_valid {
            let known = PERMISSIONS.join(", ");
            mistakes.push(format!(
                "`{name}` is no permission, which is one of {known}, with the value `{{}}`"
            ));
        }
        is_valid
    });
    None
}

/// Returns the mistakes in a tool's `ui`.
pub(super) fn tool_mistakes(ui: &Value) -> Vec<String> {
    let Some(members) = ui.as_object() else {
        return vec!["`ui` in its `_meta` is an object: write `ui = \"ui://page\"`".to_owned()];
    };
    let mut mistakes = Vec::new();
    for name in ["csp", "permissions", "domain", "prefersBorder"] {
        if members.contains_key(name) {
            mistakes.push(format!(
                "`{name}` of its `ui` belongs to the resource, and hosts ignore it here: write it in `app(..)`"
            ));
        }
    }
    match members.get("visibility") {
        Some(Value::Array(audiences)) if audiences.is_empty() => mistakes.push(
            "it is visible to nobody: name `model`, `app` or both, or remove `visibility`"
                .to_owned(),
        ),
        Some(Value::Array(audiences)) => {
            let is_known = |it: &&Value| it.as_str().is_some_and(|it| AUDIENCES.contains(&it));
            let unknown = audiences.iter().filter(|it| !is_known(it));
            mistakes.extend(
                unknown.map(|it| {
                    format!("its visibility is a list of `model` and `app`, and has {it}")
                }),
            );
        }
        Some(_) => mistakes.push("its visibility is a list of `model` and `app`".to_owned()),
        None => {}
    }
    mistakes
}

/// Returns `true` if a tool with this `_meta` is for models, and not for pages alone.
pub(super) fn is_for_models(meta: Option<&Value>) -> bool {
    let audiences = meta.and_then(|meta| meta["ui"]["visibility"].as_array());
    audiences.is_none_or(|them| them.iter().any(|it| it == "model"))
}

/// A served page: `ui` of its definition.
pub(crate) struct Page {
    pub(super) ui: Map<String, Value>,
    /// `true` if it is one of another server.
    pub(super) relayed: bool,
}

impl Page {
    /// Completes what the handler returned: each part has the MIME type of a page, and `ui` in its `_meta`, unless the handler has
    /// set it. Parts with a URI of their own, and the parts of pages of other servers, only lose origins and permissions that are
    /// not valid.
    pub(crate) fn complete(&self, uri: &str, contents: &mut [ResourceContents]) {
        for part in contents {
            let own = part.meta.as_mut().and_then(|meta| meta.get_mut("ui"));
            if let Some(ui) = own {
                for mistake in remove_mistakes(ui) {
                    tracing::warn!("page `{uri}`: {mistake}; it is left out");
                }
                if !self.relayed {
                    leave_out_mime(uri, part);
                }
            } else if !self.relayed && part.uri.as_ref().is_none_or(|it| it == uri) {
                leave_out_mime(uri, part);
                if !self.ui.is_empty() {
                    let meta = part.meta.get_or_insert_default();
                    meta.insert("ui".to_owned(), self.ui.clone().into());
                }
            }
        }
    }
}

/// Leaves out the MIME type of contents, which then have that of the page.
fn leave_out_mime(uri: &str, part: &mut ResourceContents) {
    if let Some(mime) = part.mime.take().filter(|mime| mime != MIME) {
        tracing::warn!(
            "page `{uri}`: its MIME type is `{MIME}`, and not `{mime}`, which is left out"
        );
    }
}
