//! The definitions that lints read.

use std::fmt;

use serde_json::Value;

/// All definitions of a server.
#[derive(Default)]
pub(crate) struct Definitions {
    /// The name, the title and the instructions of the server, and its other properties except the version.
    pub(crate) about: Value,
    pub(crate) tools: Vec<Value>,
    /// The names of the tools that clients must search.
    pub(crate) searched: Vec<String>,
    /// The keywords of schemas that no call is checked against, by the names of the tools.
    pub(crate) unenforced: Vec<(String, Vec<(String, String)>)>,
    pub(crate) resources: Vec<Value>,
    pub(crate) templates: Vec<Value>,
    pub(crate) prompts: Vec<Value>,
}

/// The definition of the server or of one of its components.
pub(crate) struct Component<'d> {
    /// `server`, `tool`, `resource` or `prompt`.
    pub(crate) kind: &'static str,
    /// The name, the URI, or the text of the URI template.
    pub(crate) name: &'d str,
    pub(crate) definition: &'d Value,
}

impl fmt::Display for Component<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}`", self.kind, self.name)
    }
}

impl Definitions {
    /// Returns the name of the server.
    pub(crate) fn server(&self) -> &str {
        text(&self.about["name"])
    }

    pub(super) fn instructions(&self) -> &str {
        text(&self.about["instructions"])
    }

    /// Returns the server and all components.
    pub(crate) fn components(&self) -> impl Iterator<Item = Component<'_>> {
        let all = [
            ("server", "name", std::slice::from_ref(&self.about)),
            ("tool", "name", &self.tools),
            ("resource", "uri", &self.resources),
            ("resource", "uriTemplate", &self.templates),
            ("prompt", "name", &self.prompts),
        ];
        all.into_iter().flat_map(|(kind, key, definitions)| {
            definitions.iter().map(move |definition| Component {
                kind,
                name: text(&definition[key]),
                definition,
            })
        })
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the named schemas under a keyword.
pub(super) fn members<'s>(
    schema: &'s Value,
    keyword: &str,
) -> impl Iterator<Item = (&'s str, &'s Value)> {
    let members = schema.get(keyword).and_then(Value::as_object);
    let members = members.into_iter().flatten();
    members.map(|(name, schema)| (name.as_str(), schema))
}
