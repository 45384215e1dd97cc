//! The official schemas made strict: closed, and completed by rules that the specification has in prose only.

use serde_json::{Map, Value, json};

use super::formats::ICON_SOURCE;

type Object = Map<String, Value>;

/// Members whose objects are open. Others, such as `structuredContent`, have no `properties` in the schemas.
const FREE: [&str; 3] = ["_meta", "inputSchema", "outputSchema"];

/// Messages of any method. The definition of the method closes their `params`.
const MESSAGES: [&str; 4] = [
    "JSONRPCNotification",
    "JSONRPCRequest",
    "Notification",
    "Request",
];

/// A result of any method. The definition of the method closes it.
const RESULT: &str = "Result";

/// The pattern of tool names, which is not in the schemas.
const TOOL_NAME: &str = "^[A-Za-z0-9_.-]{1,128}$";
const ICON_SIZE: &str = "^(any|[1-9][0-9]*x[1-9][0-9]*)$";
/// A date, or a date and a time, of ISO 8601.
const ISO_8601: &str = r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$";

/// Returns a schema that accepts only defined members, and the name of the member that holds its definitions.
pub(super) fn strict(mut schema: Value) -> (Value, &'static str) {
    let key = if schema.get("$defs").is_some() {
        "$defs"
    } else {
        "definitions"
    };
    let Some(definitions) = schema[key].as_object().cloned() else {
        return (schema, key);
    };
    let mut closed = definitions.clone();
    for (name, definition) in &mut closed {
        merge_all_of(definition, &definitions);
        if name.ends_with("MetaObject") || name == RESULT {
            continue;
        }
        let free: &[&str] = if MESSAGES.contains(&name.as_str()) {
            &["params"]
        } else {
            &[]
        };
        close(definition, free);
    }
    // The schemas define it as a `Result`, which is open.
    let mut empty = definitions[RESULT].clone();
    close(&mut empty, &[]);
    closed.insert("EmptyResult".to_owned(), empty);
    complete(&mut closed);
    schema[key] = closed.into();
    // The root accepts every message of clients and servers.
    if let Some(root) = schema.as_object_mut() {
        root.remove("anyOf");
    }
    (schema, key)
}

/// Merges an `allOf` into one object, because its parts cannot be closed separately.
fn merge_all_of(schema: &mut Value, definitions: &Object) {
    match schema {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| merge_all_of(item, definitions)),
        Value::Object(members) => {
            members
                .values_mut()
                .for_each(|member| merge_all_of(member, definitions));
            if let Some(Value::Array(parts)) = members.remove("allOf") {
                for part in parts {
                    merge(members, resolve(part, definitions));
                }
            }
        }
        _ => {}
    }
}

/// The definition that a part refers to, or the part itself.
fn resolve(part: Value, definitions: &Object) -> Value {
    let name = part["$ref"]
        .as_str()
        .and_then(|name| name.rsplit('/').next());
    name.and_then(|name| definitions.get(name))
        .cloned()
        .unwrap_or(part)
}

/// Adds the members of a part: lists are merged, and a later property replaces an earlier one, which is wider.
fn merge(whole: &mut Object, part: Value) {
    let Value::Object(part) = part else { return };
    for (keyword, value) in part {
        match (whole.get_mut(&keyword), value) {
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
            (Some(Value::Array(old)), Value::Array(mut new)) => {
                new.retain(|item| !old.contains(item));
                old.extend(new);
            }
            (_, value) => drop(whole.insert(keyword, value)),
        }
    }
}

/// Forbids unknown members in a schema and in all nested schemas. An object without `properties` is a map and stays open.
fn close(schema: &mut Value, free: &[&str]) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    for (keyword, value) in schema.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(members)) => {
                let is_free = |name: &str| FREE.contains(&name) || free.contains(&name);
                let members = members.iter_mut().filter(|(name, _)| !is_free(name));
                members.for_each(|(_, member)| close(member, &[]));
            }
            ("items" | "additionalProperties", value) => close(value, &[]),
            ("anyOf" | "oneOf", Value::Array(choices)) => {
                for choice in choices {
                    close(choice, &[]);
                }
            }
            _ => {}
        }
    }
    let has_members = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|all| !all.is_empty());
    let others = schema.get("additionalProperties");
    if has_members && others.is_none_or(|others| others == true || *others == json!({})) {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// Adds rules that the specification has in prose.
fn complete(definitions: &mut Object) {
    for (name, definition) in definitions.iter_mut() {
        let kinds = match name.as_str() {
            RESULT => json!(["complete", "input_required"]),
            "InputRequiredResult" => json!(["input_required"]),
            _ => json!(["complete"]),
        };
        amend(definition, "/properties/resultType", "enum", kinds);
    }
    for (name, place, keyword, value) in [
        ("Tool", "/properties/name", "pattern", json!(TOOL_NAME)),
        ("Icon", "/properties/src", "format", json!(ICON_SOURCE)),
        (
            "Icon",
            "/properties/sizes/items",
            "pattern",
            json!(ICON_SIZE),
        ),
        (
            "Annotations",
            "/properties/lastModified",
            "pattern",
            json!(ISO_8601),
        ),
        (
            "DiscoverResult",
            "/properties/supportedVersions",
            "minItems",
            json!(1),
        ),
        (
            "InputRequiredResult",
            "",
            "anyOf",
            json!([{ "required": ["inputRequests"] }, { "required": ["requestState"] }]),
        ),
    ] {
        if let Some(definition) = definitions.get_mut(name) {
            amend(definition, place, keyword, value);
        }
    }
}

/// Sets a keyword of the schema at a place, if the place exists.
fn amend(definition: &mut Value, place: &str, keyword: &str, value: Value) {
    if let Some(Value::Object(schema)) = definition.pointer_mut(place) {
        schema.insert(keyword.to_owned(), value);
    }
}
