//! What violates a limit, in the schemas of arguments.

use serde_json::{Map, Value, json};

use super::super::schemas::recursive;
use super::Rule;
use crate::schema;

/// The number of places that a finding names.
const PLACES: usize = 5;

/// The keywords that constrain nothing.
const ANNOTATIONS: [&str; 10] = [
    "$comment",
    "$id",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "x-mcp-header",
];

type Rules = Map<String, Value>;

impl Rule {
    /// Returns how the schema of a tool's arguments violates the limit.
    pub(super) fn in_schema(&self, schema: &Value) -> Option<String> {
        match *self {
            Self::RootKeywords(keywords) => root(schema, keywords),
            Self::Recursion => recursion(schema),
            Self::Keywords(keywords) => each(schema, |rules, _| {
                having(rules, |keyword| keywords.contains(&keyword))
            }),
            Self::OtherKeywords(known) => each(schema, |rules, _| {
                having(rules, |it| {
                    !known.contains(&it) && !ANNOTATIONS.contains(&it)
                })
            }),
            Self::OtherFormats(known) => each(schema, |rules, _| other_format(rules, known)),
            _ => each(schema, |rules, path| {
                self.in_part(rules, path).into_iter().collect()
            }),
        }
    }

    /// Returns how a part of a schema violates the limit.
    fn in_part(&self, rules: &Rules, path: &str) -> Option<String> {
        let value = |keyword: &str| rules.get(keyword).unwrap_or(&Value::Null);
        let values = || value("enum").as_array().into_iter().flatten();
        let items = value("items");
        let (what, is_found) = match self {
            Self::BareArrays => (
                "an array without `items`",
                is(rules, "array") && (items.is_null() || *items == false),
            ),
            Self::NumericEnums => (
                "an enum with other values than texts",
                values().any(|value| !value.is_string()),
            ),
            Self::EmptyObjects => (
                "an object without properties",
                !path.is_empty() && is_empty(rules),
            ),
            Self::Maps => (
                "`additionalProperties`",
                value("additionalProperties").is_object(),
            ),
            Self::ItemTypes => ("items of several types", items["type"].is_array()),
            _ => return None,
        };
        is_found.then(|| what.to_owned())
    }
}

fn root(schema: &Value, keywords: &[&str]) -> Option<String> {
    let found = keywords
        .iter()
        .filter(|keyword| schema.get(keyword).is_some());
    let found: Vec<String> = found.map(|keyword| format!("`{keyword}`")).collect();
    (!found.is_empty()).then(|| format!("{} at the root of its schema", found.join(", ")))
}

fn recursion(schema: &Value) -> Option<String> {
    let names = recursive(schema);
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("its schema, which is recursive in {}", names.join(", ")))
}

fn having(rules: &Rules, is_found: impl Fn(&str) -> bool) -> Vec<String> {
    let found = rules.keys().filter(|keyword| is_found(keyword));
    found.map(|keyword| format!("`{keyword}`")).collect()
}

fn other_format(rules: &Rules, known: &[&str]) -> Vec<String> {
    let format = rules.get("format").and_then(Value::as_str);
    let format = format.filter(|format| !known.contains(format));
    format
        .map(|format| format!("the format `{format}`"))
        .into_iter()
        .collect()
}

fn is_empty(rules: &Rules) -> bool {
    let properties = rules.get("properties");
    is(rules, "object") && properties.is_none_or(|it| *it == json!({}))
}

fn is(rules: &Rules, name: &str) -> bool {
    rules.get("type").is_some_and(|own| *own == name)
}

/// Describes what a function returns for the parts of a schema, each with its places.
fn each(schema: &Value, find: impl Fn(&Rules, &str) -> Vec<String>) -> Option<String> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    schema::walk(schema, "", &mut |rules, path| {
        let path = path.trim_start_matches('.');
        let place = if path.is_empty() {
            "the root".to_owned()
        } else {
            format!("`{path}`")
        };
        for what in find(rules, path) {
            match found.iter_mut().find(|(known, _)| *known == what) {
                Some((_, places)) if places.contains(&place) => {}
                Some((_, places)) => places.push(place.clone()),
                None => found.push((what, vec![place.clone()])),
            }
        }
    });
    let described = found
        .iter()
        .map(|(what, places)| format!("{what} in {}", shown(places)));
    let described: Vec<String> = described.collect();
    (!described.is_empty()).then(|| described.join("; "))
}

/// Returns the first places, and the number of the others.
fn shown(places: &[String]) -> String {
    let (shown, more) = places.split_at(places.len().min(PLACES));
    match more.len() {
        0 => shown.join(", "),
        count => format!("{} and {count} more", shown.join(", ")),
    }
}
