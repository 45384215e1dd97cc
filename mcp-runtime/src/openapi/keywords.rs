//! The keywords of schemas: which of them JSON Schema 2020-12 has, and those of OpenAPI 3.0 that it writes in another way.
//!
//! Values that are wrong in many published specifications, such as the type `file`, are left out.

use serde_json::{Map, Value, json};

/// The formats that JSON Schema 2020-12 defines. Some clients refuse schemas with others.
const FORMATS: [&str; 16] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "json-pointer",
    "regex",
    "time",
    "uri",
    "uri-template",
    "uuid",
];

const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// The maximum number of values of an `enum` that a result's schema shows as examples.
const MOST_EXAMPLES: usize = 20;

/// The kind of a keyword's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A schema.
    Schema,
    /// A list of schemas.
    Schemas,
    /// A map from names to schemas.
    Map,
    /// The names of required members.
    Required,
    /// Data that constrains values.
    Constraint,
    /// Data that constrains nothing.
    Annotation,
    /// Left out.
    Dropped,
}

/// Returns the kind of a keyword, the same in both directions. Constraints are left out of the schemas of results.
pub(super) fn kind(keyword: &str) -> Kind {
    match keyword {
        "items"
        | "additionalProperties"
        | "contains"
        | "not"
        | "if"
        | "then"
        | "else"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Kind::Schema,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Kind::Schemas,
        "properties" | "patternProperties" | "dependentSchemas" => Kind::Map,
        "required" => Kind::Required,
        "title" | "description" | "default" | "deprecated" | "type" => Kind::Annotation,
        "enum" | "const" | "pattern" | "format" | "minimum" | "maximum" | "exclusiveMinimum"
        | "exclusiveMaximum" | "multipleOf" | "minLength" | "maxLength" | "minItems"
        | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" | "dependentRequired"
        | "contentEncoding" | "contentMediaType" | "minContains" | "maxContains" => {
            Kind::Constraint
        }
        // `example` and `nullable` are read by `finish`. Identifiers would change the meaning of references.
        _ => Kind::Dropped,
    }
}

/// Completes a schema whose parts are converted.
pub(super) fn finish(
    out: &mut Map<String, Value>,
    source: &Map<String, Value>,
    is_3_0: bool,
    is_output: bool,
) {
    check_types(out);
    check_annotations(out);
    if is_output {
        relax(out, source);
    } else {
        check_constraints(out);
        exclusive(out);
        binary(out, source);
    }
    examples(out, source);
    if is_output {
        allow_null(out);
    } else if is_3_0 && source.get("nullable") == Some(&Value::Bool(true)) {
        nullable(out);
    }
}

/// Removes types that JSON Schema does not have.
fn check_types(out: &mut Map<String, Value>) {
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    match out.get_mut("type") {
        Some(Value::Array(types)) => {
            types.retain(is_type);
            if types.is_empty() {
                out.shift_remove("type");
            }
        }
        Some(name) if !is_type(name) => {
            out.shift_remove("type");
        }
        _ => {}
    }
}

fn check_annotations(out: &mut Map<String, Value>) {
    for keyword in ["title", "description"] {
        if out.get(keyword).is_some_and(|it| !it.is_string()) {
            out.shift_remove(keyword);
        }
    }
    if out.get("deprecated").is_some_and(|it| !it.is_boolean()) {
        out.shift_remove("deprecated");
    }
}

/// Removes constraints whose values have the wrong type.
fn check_constraints(out: &mut Map<String, Value>) {
    out.retain(|keyword, value| match keyword.as_str() {
        "minimum" | "maximum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|it| it > 0.0),
        "exclusiveMinimum" | "exclusiveMaximum" => value.is_number() || value.is_boolean(),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
        | "minContains" | "maxContains" => value.as_f64().is_some_and(|it| it >= 0.0),
        "uniqueItems" => value.is_boolean(),
        "pattern" => value.as_str().is_some_and(is_pattern),
        "format" => value.as_str().is_some_and(|it| FORMATS.contains(&it)),
        "contentEncoding" | "contentMediaType" => value.is_string(),
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "dependentRequired" => value.is_object(),
        _ => true,
    });
    if let Some(Value::Array(values)) = out.get_mut("enum") {
        let mut seen = Vec::new();
        values.retain(|value| {
            let is_new = !seen.contains(value);
            seen.push(value.clone());
            is_new
        });
    }
}

/// Returns `true` for a pattern that this build can check. Those of JavaScript can have more than others.
#[cfg(feature = "pattern")]
fn is_pattern(pattern: &str) -> bool {
    let schema = json!({ "pattern": pattern });
    crate::schema::Patterns::default().add(&schema).is_ok()
}

#[cfg(not(feature = "pattern"))]
fn is_pattern(_pattern: &str) -> bool {
    true
}

/// Writes the exclusive bounds of OpenAPI 3.0, which are flags, as numbers.
fn exclusive(out: &mut Map<String, Value>) {
    for (exclusive, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        let Some(Value::Bool(is_exclusive)) = out.get(exclusive).cloned() else {
            continue;
        };
        out.shift_remove(exclusive);
        if is_exclusive && let Some(number) = out.shift_remove(bound) {
            out.insert(exclusive.to_owned(), number);
        }
    }
}

/// Describes strings with bytes as base64.
fn binary(out: &mut Map<String, Value>, source: &Map<String, Value>) {
    let format = source.get("format").and_then(Value::as_str);
    if matches!(format, Some("byte" | "base64")) {
        out.insert("contentEncoding".to_owned(), "base64".into());
    }
}

/// Removes what real APIs do not keep to, so that their responses fit the schema.
fn relax(out: &mut Map<String, Value>, source: &Map<String, Value>) {
    for keyword in [
        "contains",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "patternProperties",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ] {
        out.shift_remove(keyword);
    }
    if let Some(false) = out.get("additionalProperties").and_then(Value::as_bool) {
        out.shift_remove("additionalProperties");
    }
    if out.contains_key("patternProperties") || source.contains_key("patternProperties") {
        out.shift_remove("additionalProperties");
    }
    if let Some(variants) = out.shift_remove("oneOf") {
        let any = out.entry("anyOf").or_insert_with(|| json!([]));
        if let (Value::Array(any), Value::Array(variants)) = (any, variants) {
            any.extend(variants);
        }
    }
    if let Some(Value::Array(values)) = source.get("enum")
        && values.len() <= MOST_EXAMPLES
    {
        out.insert("examples".to_owned(), values.clone().into());
    }
}

/// Writes an `example` as `examples`, if it is short.
fn examples(out: &mut Map<String, Value>, source: &Map<String, Value>) {
    let is_short = |value: &&Value| match value {
        Value::String(text) => text.len() <= 100,
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    };
    let example = source.get("example").filter(is_short);
    if let Some(example) = example
        && !out.contains_key("examples")
    {
        out.insert("examples".to_owned(), json!([example]));
    }
}

/// Adds null to the types of a schema. Its parts allow null themselves.
fn allow_null(out: &mut Map<String, Value>) {
    match out.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let types = json!([std::mem::take(name), "null"]);
            out.insert("type".to_owned(), types);
        }
        Some(Value::Array(names)) if !names.iter().any(|name| name == "null") => {
            names.push("null".into());
        }
        _ => {}
    }
}

/// Allows null in a schema whose parts may refuse it.
fn nullable(out: &mut Map<String, Value>) {
    allow_null(out);
    if let Some(Value::Array(values)) = out.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    let variants = ["anyOf", "oneOf"]
        .into_iter()
        .find(|it| out.contains_key(*it));
    if let Some(Value::Array(variants)) = variants.and_then(|it| out.get_mut(it)) {
        if !variants.iter().any(takes_null) {
            variants.push(json!({ "type": "null" }));
        }
    } else if let Some(all) = out.shift_remove("allOf") {
        let variants = json!([{ "allOf": all }, { "type": "null" }]);
        out.insert("anyOf".to_owned(), variants);
    }
}

/// Returns `true` if a variant allows null by its type.
fn takes_null(variant: &Value) -> bool {
    match variant.get("type") {
        Some(Value::String(name)) => name == "null",
        Some(Value::Array(names)) => names.iter().any(|name| name == "null"),
        _ => false,
    }
}
