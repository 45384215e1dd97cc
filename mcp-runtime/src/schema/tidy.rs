//! Removes what clients do not need from schemas, and adds what they do.

use serde_json::{Map, Value, json};

use super::walk::change_parts;

/// Returns `true` for a format that a type checks, `false` for a format of strings that no type checks, and `None` for
/// one that JSON Schema 2020-12 does not define.
pub(super) fn is_checked_by_types(format: &str) -> Option<bool> {
    match format {
        "date" | "date-time" | "duration" | "ipv4" | "ipv6" | "time" | "uri" | "uuid" => Some(true),
        "email"
        | "hostname"
        | "idn-email"
        | "idn-hostname"
        | "iri"
        | "iri-reference"
        | "json-pointer"
        | "regex"
        | "relative-json-pointer"
        | "uri-reference"
        | "uri-template" => Some(false),
        _ => None,
    }
}

/// The order of keywords in a schema; others follow in their original order.
const ORDER: [&[&str]; 7] = [
    &["$ref", "title", "description"],
    &["type", "const", "enum", "format", "pattern"],
    &["minimum", "maximum", "minLength", "maxLength"],
    &["prefixItems", "items"],
    &["minItems", "maxItems", "uniqueItems"],
    &["properties", "patternProperties", "required"],
    &["additionalProperties", "default"],
];

/// Replaces the schema `true` with an empty object: legacy revisions do not support `true`.
pub(super) fn expand_true(schema: &mut Value) {
    if *schema == Value::Bool(true) {
        *schema = json!({});
    }
}

/// Removes what is meaningless to clients, such as formats that only Rust has.
pub(super) fn tidy(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    change_parts(schema, |_, is_named, schema| {
        if is_named {
            expand_true(schema);
        }
        tidy(schema);
    });
    tidy_format(schema);
    merge_items(schema);
    merge_null(schema);
    sort(schema);
}

/// Sorts the keywords of a schema.
pub(super) fn sort(schema: &mut Map<String, Value>) {
    let mut all: Vec<(String, Value)> = std::mem::take(schema).into_iter().collect();
    let rank = |name: &str| {
        ORDER
            .iter()
            .copied()
            .flatten()
            .position(|known| *known == name)
    };
    all.sort_by_key(|(name, _)| rank(name).unwrap_or(usize::MAX));
    schema.extend(all);
}

/// Returns the minimum and maximum of a number type, by the format that names it.
pub(super) fn bounds(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "int8" => (json!(i8::MIN), json!(i8::MAX)),
        "int16" => (json!(i16::MIN), json!(i16::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        "int64" => (json!(i64::MIN), json!(i64::MAX)),
        "int" => (json!(isize::MIN), json!(isize::MAX)),
        "uint8" => (json!(u8::MIN), json!(u8::MAX)),
        "uint16" => (json!(u16::MIN), json!(u16::MAX)),
        "uint32" => (json!(u32::MIN), json!(u32::MAX)),
        "uint64" => (json!(u64::MIN), json!(u64::MAX)),
        "uint" => (json!(usize::MIN), json!(usize::MAX)),
        // The greatest `f32` as `serde_json` writes it; every number up to it is rounded to a finite one.
        "float" => (json!(-3.402_823_5e38_f64), json!(3.402_823_5e38_f64)),
        // Bounds of 128 bits do not fit in a number of `serde_json`, and those of `f64` are those of JSON itself.
        _ => return None,
    })
}

/// Replaces formats that JSON Schema does not define with the bounds of the numbers that they name.
fn tidy_format(schema: &mut Map<String, Value>) {
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    let bounds = bounds(format);
    if is_checked_by_types(format).is_none() {
        schema.shift_remove("format");
    }
    if let Some((minimum, maximum)) = bounds {
        schema.entry("minimum").or_insert(minimum);
        schema.entry("maximum").or_insert(maximum);
    }
}

/// Turns a tuple of equal types into a list of fixed length, since fewer clients support `prefixItems` than `items`.
fn merge_items(schema: &mut Map<String, Value>) {
    let Some(Value::Array(items)) = schema.get("prefixItems") else {
        return;
    };
    let [first, others @ ..] = items.as_slice() else {
        return;
    };
    let is_whole = schema.get("maxItems") == Some(&items.len().into());
    if is_whole && others.iter().all(|other| other == first) {
        let first = first.clone();
        schema.shift_remove("prefixItems");
        schema.insert("items".to_owned(), first);
    }
}

/// Merges "one of these, or null" into one choice, instead of a nested choice.
fn merge_null(schema: &mut Map<String, Value>) {
    let branches = schema.get("anyOf").and_then(Value::as_array);
    let Some([Value::Object(inner), null]) = branches.map(Vec::as_slice) else {
        return;
    };
    let is_choice = |keyword: &&str| {
        let mut others = inner.keys().filter(|key| key != keyword);
        inner.contains_key(*keyword) && others.all(|key| key == "description")
    };
    let keyword = ["oneOf", "anyOf"].into_iter().find(is_choice);
    let Some(keyword) = keyword.filter(|_| *null == json!({ "type": "null" })) else {
        return;
    };
    let (mut inner, null) = (inner.clone(), null.clone());
    if let Some(Value::Array(choices)) = inner.get_mut(keyword) {
        choices.push(null);
    }
    schema.shift_remove("anyOf");
    for (keyword, value) in inner {
        schema.entry(keyword).or_insert(value);
    }
}

/// Removes `null` from the schema of an optional value: leaving the value out means the same.
pub(crate) fn without_null(schema: &mut Value) {
    without_null_default(schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = object.get_mut(keyword) else {
            continue;
        };
        branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
        if branches.len() != 1 {
            continue;
        }
        if let Some(Value::Object(only)) = branches.pop() {
            object.shift_remove(keyword);
            for (keyword, value) in only {
                object.entry(keyword).or_insert(value);
            }
        }
    }
}

/// Removes the default of a member that is left out: it is not null.
fn without_null_default(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut()
        && schema.get("default").is_some_and(Value::is_null)
    {
        schema.shift_remove("default");
    }
}

/// A keyword of `OpenAPI`, with which a member of a struct says that null is not the same as no member.
const NULLABLE: &str = "nullable";

/// Removes the mark of [`NULLABLE`] members: JSON Schema has no such keyword.
pub(super) fn remove_marks(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.shift_remove(NULLABLE);
    change_parts(object, |_, _, schema| remove_marks(schema));
}

/// Applies [`without_null`] to the optional members of nested objects, except those that are [`NULLABLE`].
pub(super) fn without_optional_nulls(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let required = object.get("required").cloned().unwrap_or_default();
    let is_required = |name| {
        required
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    if let Some(Value::Object(members)) = object.get_mut("properties") {
        for (name, member) in members.iter_mut() {
            if is_required(name) {
                continue;
            }
            if member.get(NULLABLE) == Some(&Value::Bool(true)) {
                without_null_default(member);
            } else {
                without_null(member);
            }
        }
    }
    change_parts(object, |_, _, schema| without_optional_nulls(schema));
}

/// Closes every struct to members other than its own. An object without `properties` stays open.
pub(super) fn close(schema: &mut Value) {
    close_part(schema, true);
}

/// Applies [`close`] to a schema. `is_whole` is `false` for one of several schemas that a value must fit at once: each
/// of these lacks the members of the others.
fn close_part(schema: &mut Value, is_whole: bool) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    distribute(object);
    let says = |keyword: &str| object.contains_key(keyword);
    let choices = ["oneOf", "anyOf"]
        .into_iter()
        .filter(|keyword| says(keyword))
        .count();
    let has_others = ["patternProperties", "allOf", "$ref"].into_iter().any(says);
    let is_said = says("additionalProperties") || says("unevaluatedProperties");
    let is_struct = is_whole && says("properties") && choices == 0 && !has_others && !is_said;
    let are_whole = is_whole && !says("properties") && choices == 1 && !has_others;
    if is_struct {
        object.insert("additionalProperties".to_owned(), false.into());
        sort(object);
    }
    change_parts(object, |keyword, _, schema| {
        let is_whole = match keyword {
            "allOf" => false,
            "oneOf" | "anyOf" => are_whole,
            _ => true,
        };
        close_part(schema, is_whole);
    });
}

/// Moves the members of an object into each of its choices, which are complete objects then: `{id, oneOf: [{a}, {b}]}`
/// becomes `oneOf: [{id, a}, {id, b}]`. Only a complete object can be closed.
fn distribute(object: &mut Map<String, Value>) {
    let Some(keyword) = ["oneOf", "anyOf"]
        .into_iter()
        .find(|keyword| object.contains_key(*keyword))
    else {
        return;
    };
    let members = ["type", "description", "title", "properties", "required"];
    let is_struct = |schema: &Map<String, Value>, choice: &str| {
        let mut keywords = schema.keys().map(String::as_str);
        schema.contains_key("properties")
            && keywords.all(|keyword| keyword == choice || members.contains(&keyword))
    };
    let is_part = |branch: &Value| {
        let branch = branch.as_object();
        branch.is_some_and(|branch| is_struct(branch, ""))
    };
    let branches = object.get(keyword).and_then(Value::as_array);
    if !is_struct(object, keyword) || !branches.is_some_and(|all| all.iter().all(is_part)) {
        return;
    }
    let Some(Value::Array(mut branches)) = object.shift_remove(keyword) else {
        return;
    };
    let properties = object.shift_remove("properties");
    let required = object.shift_remove("required");
    for branch in &mut branches {
        prepend(&mut branch["properties"], properties.as_ref());
        if let Some(required) = &required {
            let mut all = required.as_array().cloned().unwrap_or_default();
            all.extend(branch["required"].as_array().cloned().unwrap_or_default());
            branch["required"] = all.into();
        }
    }
    object.insert(keyword.to_owned(), branches.into());
}

/// Inserts the members of one object before those of another.
fn prepend(members: &mut Value, first: Option<&Value>) {
    let Some(mut all) = first.and_then(Value::as_object).cloned() else {
        return;
    };
    if let Some(members) = members.as_object() {
        all.extend(members.clone());
    }
    *members = all.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_have_no_other_members_and_objects_may() {
        let mut schema = json!({
            "type": "object",
            "properties": { "inner": { "type": "object", "properties": {} }, "any": { "type": "object" } },
            "default": { "properties": {} },
        });
        close(&mut schema);
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "inner": { "type": "object", "properties": {}, "additionalProperties": false },
                    "any": { "type": "object" },
                },
                "additionalProperties": false,
                "default": { "properties": {} },
            })
        );
    }

    #[test]
    fn a_choice_among_members_becomes_a_choice_among_objects() {
        let mut schema = json!({
            "type": "object",
            "properties": { "id": {} },
            "required": ["id"],
            "oneOf": [{ "type": "object", "properties": { "a": {} }, "required": ["a"] }, { "type": "object", "properties": { "b": {} } }],
        });
        close(&mut schema);
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "oneOf": [
                    { "type": "object", "properties": { "id": {}, "a": {} }, "required": ["id", "a"], "additionalProperties": false },
                    { "type": "object", "properties": { "id": {}, "b": {} }, "required": ["id"], "additionalProperties": false },
                ],
            })
        );
    }

    #[test]
    fn what_is_only_a_part_of_an_object_stays_open() {
        let struct_of = |name: &str| json!({ "type": "object", "properties": { name: {} } });
        let map =
            json!({ "type": "object", "properties": { "t": {} }, "additionalProperties": {} });
        for schema in [
            json!({ "properties": { "id": {} }, "oneOf": [struct_of("a"), map] }),
            json!({ "allOf": [{ "oneOf": [struct_of("a")] }, { "anyOf": [struct_of("b")] }] }),
            json!({ "oneOf": [struct_of("a")], "anyOf": [struct_of("b")] }),
        ] {
            let mut closed = schema.clone();
            close(&mut closed);
            assert_eq!(closed, schema);
        }
        let mut whole = json!({ "anyOf": [struct_of("a"), { "type": "null" }] });
        close(&mut whole);
        assert_eq!(whole["anyOf"][0]["additionalProperties"], false);
    }

    #[test]
    fn null_is_one_choice_among_others() {
        let mut schema = json!({ "anyOf": [{ "description": "d", "oneOf": [{ "const": "a" }] }, { "type": "null" }] });
        tidy(&mut schema);
        assert_eq!(
            schema,
            json!({ "description": "d", "oneOf": [{ "const": "a" }, { "type": "null" }] })
        );
    }
}
