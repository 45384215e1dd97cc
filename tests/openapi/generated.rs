//! Arguments that fit a schema.

use serde_json::{Map, Value, json};

/// The maximum depth of generated values.
const DEEPEST: usize = 12;

/// Returns arguments with all required members.
pub(crate) fn arguments(schema: &Value) -> Value {
    value(schema, schema, 0)
}

fn resolve<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    let target = schema["$ref"].as_str();
    let target = target.and_then(|it| root.pointer(it.strip_prefix('#')?));
    target.map_or(schema, |target| resolve(target, root))
}

fn value(schema: &Value, root: &Value, depth: usize) -> Value {
    let beside = schema;
    let schema = resolve(schema, root);
    for keyword in ["const", "default"] {
        if let Some(value) = schema.get(keyword).filter(|it| !it.is_null()) {
            return value.clone();
        }
    }
    if let Some(first) = schema["enum"].get(0).or_else(|| schema["examples"].get(0)) {
        return first.clone();
    }
    if depth > DEEPEST {
        return Value::Null;
    }
    let variant = ["oneOf", "anyOf"]
        .iter()
        .find_map(|it| schema[*it].as_array());
    let mut whole = match variant.and_then(|it| it.first()) {
        Some(first) => value(first, root, depth + 1),
        None => Value::Null,
    };
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let part = value(part, root, depth + 1);
        whole = merged(whole, part);
    }
    whole = merged(whole, plain(schema, root, depth));
    if beside.get("$ref").is_some() && beside.get("properties").is_some() {
        whole = merged(whole, object(beside, root, depth));
    }
    whole
}

fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            Value::Object(one)
        }
        (Value::Null, other) => other,
        (one, _) => one,
    }
}

fn plain(schema: &Value, root: &Value, depth: usize) -> Value {
    let first = match &schema["type"] {
        Value::String(name) => name.as_str(),
        Value::Array(names) => names[0].as_str().unwrap(),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ if schema
            .get("allOf")
            .or(schema.get("anyOf"))
            .or(schema.get("oneOf"))
            .is_some() =>
        {
            "none"
        }
        _ => "string",
    };
    match first {
        "object" => object(schema, root, depth),
        "array" => {
            let least = schema["minItems"].as_u64().unwrap_or(1).max(1);
            let item = schema
                .get("items")
                .map_or(json!("a"), |it| value(it, root, depth + 1));
            vec![item; usize::try_from(least).unwrap()].into()
        }
        "integer" => number(schema, 1.0)
            .round()
            .to_string()
            .parse::<i64>()
            .unwrap()
            .into(),
        "number" => number(schema, 1.5).into(),
        "boolean" => true.into(),
        "string" => text(schema).into(),
        _ => Value::Null,
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let mut members = Map::new();
    let required = schema["required"].as_array();
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let member = schema["properties"].get(name);
        let member = member.map_or(json!("a"), |it| value(it, root, depth + 1));
        members.insert(name.to_owned(), member);
    }
    // Optional arguments, to send as much as possible.
    if depth == 0 {
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            members
                .entry(name)
                .or_insert_with(|| value(member, root, 1));
        }
    }
    if members.is_empty() && schema.get("properties").is_none() {
        members.insert("key".to_owned(), "value".into());
    }
    members.into()
}

fn number(schema: &Value, usual: f64) -> f64 {
    let bound = |name: &str| schema[name].as_f64();
    let least = bound("minimum").or(bound("exclusiveMinimum").map(|it| it + 1.0));
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|it| it - 1.0));
    let number = usual
        .max(least.unwrap_or(f64::MIN))
        .min(most.unwrap_or(f64::MAX));
    match bound("multipleOf") {
        Some(factor) => (number / factor).ceil() * factor,
        None => number,
    }
}

fn text(schema: &Value) -> String {
    if schema["contentEncoding"] == "base64" {
        return "aGk=".to_owned();
    }
    let text = match schema["format"].as_str() {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("uuid") => "3f2c7c26-6bd0-4f6c-a1b6-1d1ae0aa9e0b",
        Some("email") => "ada@example.com",
        Some("uri") => "https://example.com/",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("hostname") => "example.com",
        Some("time") => "12:00:00Z",
        _ => "text",
    };
    let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap();
    let most = schema["maxLength"]
        .as_u64()
        .map_or(usize::MAX, |it| usize::try_from(it).unwrap());
    let mut text = text.to_owned();
    while text.len() < least {
        text.push('x');
    }
    text.truncate(most);
    text
}
