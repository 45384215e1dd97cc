//! The definitions that lints read.

use serde_json::Value;

/// All definitions of a server, its name and its instructions.
#[derive(Default)]
pub(crate) struct Definitions {
    pub(crate) server: String,
    pub(crate) instructions: String,
    pub(crate) tools: Vec<Value>,
    /// The keywords of schemas that no call is checked against, by the names of the tools.
    pub(crate) unenforced: Vec<(String, Vec<(String, String)>)>,
    pub(crate) resources: Vec<Value>,
    pub(crate) templates: Vec<Value>,
    pub(crate) prompts: Vec<Value>,
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
