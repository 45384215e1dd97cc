//! Outlines of arguments and their schemas in one line, for `list`.

use serde_json::{Map, Value};

/// The number of values, variants or fields that are shown; others are shown as `..`.
const SHOWN: usize = 8;

/// The number of levels of objects that are shown; deeper ones are shown as `{..}`.
const LEVELS: usize = 2;

/// Formats a tool with its arguments, such as `add a=<number> [unit=<m|km> default "m"]`.
pub(super) fn tool(tool: &Value) -> String {
    let (name, schema) = (&tool["name"], &tool["inputSchema"]);
    let name = name.as_str().unwrap_or_default().to_owned();
    properties(schema).fold(name, |line, (name, property, is_required)| {
        let mut kind = kind(property, LEVELS);
        if kind.is_empty() {
            "value".clone_into(&mut kind);
        }
        let default = property.get("default");
        let default = default.map(|default| format!(" default {default}"));
        line + &argument_with(name, &kind, &default.unwrap_or_default(), is_required)
    })
}

/// Formats an argument, such as ` code=<text>`. Optional arguments are in brackets.
pub(super) fn argument(name: &str, kind: &str, is_required: bool) -> String {
    argument_with(name, kind, "", is_required)
}

fn argument_with(name: &str, kind: &str, default: &str, is_required: bool) -> String {
    if is_required {
        format!(" {name}=<{kind}>{default}")
    } else {
        format!(" [{name}=<{kind}>{default}]")
    }
}

/// Returns the properties of an object: name, schema, and `true` if it is required.
fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value, bool)> {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, schema)| (name.as_str(), schema, required.iter().any(|it| it == name)))
}

/// Formats a schema: the values of an enum, a format, the items of a list, the fields of an object, or the names of its types.
/// Returns an empty text if the schema allows every value.
fn kind(schema: &Value, levels: usize) -> String {
    let Some(rules) = schema.as_object() else {
        return String::new();
    };
    let texts = |keyword: &str| rules.get(keyword).and_then(Value::as_str);
    if let Some(value) = rules.get("const") {
        return bare(value);
    }
    if let Some(Value::Array(values)) = rules.get("enum") {
        return join(values.iter().map(bare), "|");
    }
    if let Some(reference) = texts("$ref") {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(variants)) = rules.get(keyword) {
            return join(variants.iter().map(|variant| kind(variant, levels)), "|");
        }
    }
    match rules.get("type") {
        Some(Value::Array(names)) => join(
            names.iter().map(|name| of_type(&bare(name), rules, levels)),
            "|",
        ),
        Some(name) => of_type(&bare(name), rules, levels),
        None => String::new(),
    }
}

fn of_type(name: &str, rules: &Map<String, Value>, levels: usize) -> String {
    match name {
        "string" => {
            let format = rules.get("format").and_then(Value::as_str);
            format.unwrap_or(name).to_owned()
        }
        "array" => list(rules, levels),
        "object" => object(rules, levels),
        name => name.to_owned(),
    }
}

/// Formats a list such as `[string]`, or a tuple such as `[string, integer]`.
fn list(rules: &Map<String, Value>, levels: usize) -> String {
    let items = rules.get("prefixItems").or_else(|| rules.get("items"));
    let items = match items {
        Some(Value::Array(items)) => join(items.iter().map(|item| kind(item, levels)), ", "),
        Some(item) => kind(item, levels),
        None => String::new(),
    };
    format!("[{items}]")
}

/// Formats an object such as `{x: number, label?: string}`, or a map such as `{*: integer}`.
fn object(rules: &Map<String, Value>, levels: usize) -> String {
    let schema = Value::Object(rules.clone());
    let fields: Vec<(&str, &Value, bool)> = properties(&schema).collect();
    let values = rules.get("additionalProperties");
    let values = values.map(|values| kind(values, levels.saturating_sub(1)));
    let fields = match values.filter(|values| !values.is_empty() && fields.is_empty()) {
        Some(values) => format!("*: {values}"),
        None if fields.is_empty() => return "object".to_owned(),
        None if levels == 0 => "..".to_owned(),
        None => {
            let field = |(name, schema, is_required): (&str, &Value, bool)| {
                let mark = if is_required { "" } else { "?" };
                match kind(schema, levels - 1).as_str() {
                    "" => format!("{name}{mark}"),
                    kind => format!("{name}{mark}: {kind}"),
                }
            };
            join(fields.into_iter().map(field), ", ")
        }
    };
    format!("{{{fields}}}")
}

/// Formats a value; a string has no quotes.
fn bare(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Joins the first [`SHOWN`] parts.
fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    let mut parts = parts.peekable();
    let shown: Vec<String> = parts.by_ref().take(SHOWN).collect();
    let rest = parts.peek().map(|_| "..".to_owned());
    let all: Vec<String> = shown.into_iter().chain(rest).collect();
    all.join(separator)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outline_shows_values_formats_items_and_fields() {
        let point = json!({
            "type": "object",
            "properties": { "x": { "type": "number" }, "label": { "type": "string" }, "any": {} },
            "required": ["x"],
        });
        let many: Vec<usize> = (0..20).collect();
        for (schema, expected) in [
            (json!({}), "value"),
            (json!(true), "value"),
            (json!({ "type": "number" }), "number"),
            (json!({ "type": ["string", "null"] }), "string|null"),
            (
                json!({ "type": "string", "enum": ["celsius", "fahrenheit"] }),
                "celsius|fahrenheit",
            ),
            (json!({ "enum": [1, null, "a b"] }), "1|null|a b"),
            (json!({ "enum": many }), "0|1|2|3|4|5|6|7|.."),
            (json!({ "const": "one" }), "one"),
            (
                json!({ "type": "string", "format": "date-time" }),
                "date-time",
            ),
            (json!({ "type": "array" }), "[]"),
            (
                json!({ "type": "array", "items": { "type": "string", "format": "date" } }),
                "[date]",
            ),
            (
                json!({ "type": "array", "items": { "type": "array", "items": { "type": "integer" } } }),
                "[[integer]]",
            ),
            (
                json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }] }),
                "[string, integer]",
            ),
            (json!({ "type": "object" }), "object"),
            (
                json!({ "type": "object", "additionalProperties": false }),
                "object",
            ),
            (
                json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
                "{*: integer}",
            ),
            (point.clone(), "{x: number, label?: string, any?}"),
            (
                json!({ "type": "array", "items": point }),
                "[{x: number, label?: string, any?}]",
            ),
            (
                json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }),
                "string|integer",
            ),
            (
                json!({ "oneOf": [point, { "$ref": "#/$defs/Node" }] }),
                "{x: number, label?: string, any?}|Node",
            ),
        ] {
            let listed = json!({ "name": "t", "inputSchema": { "properties": { "a": schema }, "required": ["a"] } });
            assert_eq!(tool(&listed), format!("t a=<{expected}>"), "{schema}");
        }
    }

    #[test]
    fn deep_objects_are_cut_short() {
        let nest = |inner: Value| json!({ "type": "object", "properties": { "a": inner }, "required": ["a"] });
        let deep = nest(nest(nest(nest(json!({ "type": "string" })))));
        assert_eq!(kind(&deep, LEVELS), "{a: {a: {..}}}");
        let map = (0..100).fold(
            json!({ "type": "integer" }),
            |inner, _| json!({ "type": "object", "additionalProperties": inner }),
        );
        assert!(kind(&map, LEVELS).len() < 1000);
    }

    #[test]
    fn optional_arguments_are_in_brackets_with_their_defaults() {
        let listed = json!({ "name": "t", "inputSchema": { "properties": {
            "unit": { "enum": ["m", "km"], "default": "m" },
            "limit": { "type": "integer", "default": 10 },
            "q": { "type": "string" },
        } } });
        let expected = r#"t [unit=<m|km> default "m"] [limit=<integer> default 10] [q=<string>]"#;
        assert_eq!(tool(&listed), expected);
    }
}
