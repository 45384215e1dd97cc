//! The schemas within a schema: the keywords that contain them, and the paths of their values.
//!
//! See <https://json-schema.org/draft/2020-12/json-schema-core#name-keywords-for-applying-subsch>.

use serde_json::{Map, Value};

use crate::json_path;

/// The kind of value that a keyword has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Applicator {
    /// A schema; in older dialects also a list of schemas.
    Schema,
    /// A list of schemas.
    List,
    /// A map from names to schemas. Its names are not keywords.
    Map,
    /// Data, even if it looks like a schema.
    None,
}

/// Returns the applicator of a keyword. All other keywords, including unknown ones, contain data.
fn applicator(keyword: &str) -> Applicator {
    match keyword {
        "additionalItems"
        | "additionalProperties"
        | "contains"
        | "contentSchema"
        | "else"
        | "if"
        | "items"
        | "not"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Applicator::Schema,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Applicator::List,
        "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties"
        | "properties" => Applicator::Map,
        _ => Applicator::None,
    }
}

/// A schema directly within another.
pub(crate) struct Part<'s> {
    pub(crate) keyword: &'s str,
    /// The name in a map of schemas.
    pub(crate) name: Option<&'s str>,
    pub(crate) schema: &'s Value,
}

impl Part<'_> {
    /// Returns `true` if the part applies only where a reference leads to it.
    pub(crate) fn is_definition(&self) -> bool {
        ["$defs", "definitions"].contains(&self.keyword)
    }

    /// Returns the path of the part's values. `parent` is the path of the values of the schema around it. The path of a
    /// definition is its name.
    pub(crate) fn path(&self, parent: &str) -> String {
        match (self.keyword, self.name) {
            ("properties", Some(name)) => format!("{parent}{}", json_path::member(name)),
            (_, Some(name)) if self.is_definition() => name.to_owned(),
            ("items" | "prefixItems", _) => format!("{parent}[]"),
            _ => parent.to_owned(),
        }
    }
}

/// Returns the schemas directly within a schema.
pub(crate) fn parts(schema: &Value) -> impl Iterator<Item = Part<'_>> {
    let keywords = schema.as_object().into_iter().flatten();
    keywords.flat_map(|(keyword, value)| {
        let part = |name, schema| Part {
            keyword,
            name,
            schema,
        };
        match (applicator(keyword), value) {
            (Applicator::Map, Value::Object(named)) => named
                .iter()
                .map(|(name, schema)| part(Some(name.as_str()), schema))
                .collect(),
            (Applicator::Schema | Applicator::List, Value::Array(schemas)) => {
                schemas.iter().map(|schema| part(None, schema)).collect()
            }
            (Applicator::Schema, schema) => vec![part(None, schema)],
            _ => Vec::new(),
        }
    })
}

/// Calls a function with each schema directly within a schema, its keyword, and `true` if it is a named schema in a
/// map.
pub(super) fn change_parts(
    schema: &mut Map<String, Value>,
    mut change: impl FnMut(&str, bool, &mut Value),
) {
    for (keyword, value) in schema.iter_mut() {
        let applicator = applicator(keyword);
        let mut change =
            |schema: &mut Value| change(keyword, applicator == Applicator::Map, schema);
        match (applicator, value) {
            (Applicator::Map, Value::Object(named)) => named.values_mut().for_each(change),
            (Applicator::Schema | Applicator::List, Value::Array(schemas)) => {
                schemas.iter_mut().for_each(change);
            }
            (Applicator::Schema, schema) => change(schema),
            _ => {}
        }
    }
}

/// Calls a function with a schema and all schemas within it, each with the path of its values.
pub(crate) fn walk<'s>(
    schema: &'s Value,
    path: &str,
    visit: &mut impl FnMut(&'s Map<String, Value>, &str),
) {
    let Some(rules) = schema.as_object() else {
        return;
    };
    visit(rules, path);
    for part in parts(schema) {
        walk(part.schema, &part.path(path), visit);
    }
}

/// Returns the targets of all references within a schema.
pub(crate) fn references(schema: &Value) -> Vec<&str> {
    let mut targets = Vec::new();
    walk(schema, "", &mut |rules, _| {
        let own = ["$ref", "$dynamicRef"].map(|keyword| rules.get(keyword)?.as_str());
        targets.extend(own.into_iter().flatten());
    });
    targets
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_found_under_keywords_and_not_in_data() {
        let leaf = |name: &str| json!({ "$ref": name });
        let schema = json!({
            "$ref": "whole",
            "properties": { "enum": leaf("property"), "$defs": { "default": leaf("data") }, "a": true },
            "$defs": { "const": leaf("definition") },
            "patternProperties": { "^x": leaf("pattern") },
            "items": { "items": leaf("item") },
            "prefixItems": [leaf("first")],
            "anyOf": [{ "not": leaf("not") }, { "items": [leaf("old item")] }],
            "dependentRequired": { "a": ["b"] },
            "enum": [leaf("data")],
            "x-extra": leaf("data"),
        });
        let mut found = Vec::new();
        walk(&schema, "v", &mut |rules, path| {
            let target = rules.get("$ref").and_then(Value::as_str);
            found.extend(target.map(|target| (target, path.to_owned())));
        });
        found.sort();
        let found: Vec<_> = found
            .iter()
            .map(|(target, path)| (*target, path.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("definition", "const"),
                ("first", "v[]"),
                ("item", "v[][]"),
                ("not", "v"),
                ("old item", "v[]"),
                ("pattern", "v"),
                ("property", "v.enum"),
                ("whole", "v"),
            ]
        );
        assert_eq!(references(&schema).len(), found.len());
        let mut changed = 0;
        let mut copy = schema.as_object().cloned().unwrap_or_default();
        change_parts(&mut copy, |_, _, _| changed += 1);
        assert_eq!(changed, parts(&schema).count());
    }
}
