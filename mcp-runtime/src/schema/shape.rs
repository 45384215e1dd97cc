//! Schemas in short, for those who write a value as JSON: `[{"price": number, "note"?: string}]`.

use serde_json::Value;

use super::check::required;
use super::words::strings;

/// The depth to which parts are shown.
const DEPTH: usize = 4;

/// The number of characters that are shown.
const LENGTH: usize = 300;

/// Returns the shape of the values of a schema. Optional members have a `?` after their name.
pub(crate) fn shape(schema: &Value) -> String {
    let whole = of_part(schema, 0);
    match whole.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}

fn of_part(schema: &Value, depth: usize) -> String {
    if depth > DEPTH {
        return "...".to_owned();
    }
    if let Some(texts) = strings(schema) {
        let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
        return texts.join(" | ");
    }
    let mut keywords = ["oneOf", "anyOf"].into_iter();
    let branches = keywords.find_map(|keyword| schema.get(keyword)?.as_array());
    if let Some(branches) = branches {
        let branches = branches.iter().map(|branch| of_part(branch, depth));
        return branches.collect::<Vec<_>>().join(" | ");
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return target.rsplit('/').next().unwrap_or(target).to_owned();
    }
    match schema.get("type") {
        Some(Value::String(name)) => of_type(name, schema, depth),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            let names = names.map(|name| of_type(name, schema, depth));
            names.collect::<Vec<_>>().join(" | ")
        }
        _ => "any".to_owned(),
    }
}

fn of_type(name: &str, schema: &Value, depth: usize) -> String {
    let part = |schema: &Value| of_part(schema, depth + 1);
    match (name, schema.get("prefixItems"), schema.get("properties")) {
        ("array", Some(Value::Array(items)), _) => {
            let items: Vec<String> = items.iter().map(part).collect();
            format!("[{}]", items.join(", "))
        }
        ("array", ..) => format!("[{}]", schema.get("items").map_or("any".to_owned(), part)),
        ("object", _, Some(Value::Object(members))) => {
            let is_required = |name: &str| required(schema).any(|other| other == name);
            let members = members.iter().map(|(name, schema)| {
                let mark = if is_required(name) { "" } else { "?" };
                format!("{name:?}{mark}: {}", part(schema))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        ("object", ..) => {
            let others = schema.get("additionalProperties");
            let others = others.map_or("any".to_owned(), part);
            format!("{{string: {others}}}")
        }
        (scalar, ..) => scalar.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_are_short() {
        for (schema, expected) in [
            (
                json!({ "type": "array", "items": { "type": "string" } }),
                "[string]",
            ),
            (json!({ "type": "array" }), "[any]"),
            (
                json!({ "type": "array", "prefixItems": [{ "type": "integer" }, { "type": ["string", "null"] }] }),
                "[integer, string | null]",
            ),
            (
                json!({ "type": "object", "properties": { "a b": { "type": "number" }, "c": {} }, "required": ["a b"] }),
                r#"{"a b": number, "c"?: any}"#,
            ),
            (
                json!({ "type": "object", "additionalProperties": { "type": "boolean" } }),
                "{string: boolean}",
            ),
            (json!({ "type": "object" }), "{string: any}"),
            (
                json!({ "type": "string", "enum": ["a", "b\""] }),
                r#""a" | "b\"""#,
            ),
            (
                json!({ "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] }),
                "Node | null",
            ),
        ] {
            assert_eq!(shape(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn deep_and_long_shapes_are_cut() {
        let deep = (0..20).fold(
            json!({}),
            |inner, _| json!({ "type": "array", "items": inner }),
        );
        assert_eq!(shape(&deep), "[[[[[...]]]]]");
        let members = (0..100).map(|n| (format!("member{n}"), json!({})));
        let wide = json!({ "type": "object", "properties": members.collect::<Value>() });
        assert_eq!(shape(&wide).chars().count(), LENGTH + 3);
    }
}
