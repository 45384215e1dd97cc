//! Descriptions: what a form cannot express is said in words.

use serde_json::{Value, json};

use super::form::{HEADER, JSON_TEXT, Members, describe, description_of, members_of};
use super::merge::REST;

/// The maximum length of a schema that a description repeats, in bytes.
pub(super) const MAX_SHOWN: usize = 300;

/// The maximum length of the schema of JSON in a string, which its description shows, in bytes.
const MAX_TEXT_SCHEMA: usize = 1000;

/// The keywords that neither form has, and that a description repeats.
const UNSUPPORTED: [&str; 18] = [
    "$dynamicRef",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    REST,
];

/// Returns a string that contains JSON, for values whose form cannot be expressed.
pub(super) fn json_text(
    schema: &Value,
    described: Option<&Members>,
    note: Option<String>,
) -> Members {
    let own = schema.as_object();
    let about = described.or(own).and_then(|it| it.get("description"));
    let note = note.unwrap_or_else(|| fitting(&shown_schema(own)));
    let mut text = members_of(json!({ "type": "string" }));
    let note = format!("JSON text{note}");
    describe(&mut text, about.and_then(Value::as_str), &[note]);
    text.insert(JSON_TEXT.to_owned(), true.into());
    text
}

/// Returns what a description must say of keywords that the form does not have.
pub(super) fn rest(members: &Members) -> Vec<String> {
    let mut notes: Vec<String> = unsupported(members).into_iter().collect();
    if let Some(default) = members.get("default").filter(|it| !it.is_null()) {
        notes.push(format!("default {default}"));
    }
    let examples = members.get("examples").and_then(Value::as_array);
    if let Some(example) = examples.and_then(|examples| examples.first()) {
        notes.push(format!("example {example}"));
    }
    notes
}

/// Adds a description to a form: that of the schema, and the notes.
pub(super) fn with_description(form: Value, members: &Members, notes: Vec<String>) -> Members {
    let mut form = members_of(form);
    describe(&mut form, description_of(members).as_deref(), &notes);
    form
}

/// Returns what is said of JSON in a string that fits this schema.
fn fitting(schema: &str) -> String {
    match schema {
        "{}" => " of any value".to_owned(),
        schema if schema.len() <= MAX_TEXT_SCHEMA => format!(" that fits the schema {schema}"),
        _ => String::new(),
    }
}

/// Returns the text of a schema without its annotations.
fn shown_schema(members: Option<&Members>) -> String {
    let annotations = [
        "default",
        "deprecated",
        "description",
        "examples",
        "title",
        HEADER,
    ];
    let rules = members.into_iter().flatten();
    let rules = rules.filter(|(keyword, _)| !annotations.contains(&keyword.as_str()));
    let rules: Members = rules
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(rules).to_string()
}

/// Returns what a description says of keywords that no form has.
fn unsupported(members: &Members) -> Option<String> {
    let rest = members
        .iter()
        .filter(|(keyword, _)| UNSUPPORTED.contains(&keyword.as_str()));
    let rest: Members = rest
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let shown = Value::from(rest.clone()).to_string();
    if rest.is_empty() {
        return None;
    }
    Some(if shown.len() <= MAX_SHOWN {
        format!("must also fit the schema {shown}")
    } else {
        "more rules are checked when the tool is called".to_owned()
    })
}
