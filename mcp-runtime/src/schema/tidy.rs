//! What clients need not see is taken away, and what they need to know is added.

use serde_json::{Map, Value, json};

/// The keywords whose value is a map from names to schemas, where a name must not be taken for a keyword.
const MAPS: [&str; 3] = ["properties", "$defs", "patternProperties"];

/// The keywords whose value is no schema.
const VALUES: [&str; 4] = ["default", "const", "enum", "examples"];

/// The order in which the keywords of a schema are shown; others follow as they came.
const ORDER: [&str; 22] = [
    "$ref",
    "title",
    "description",
    "type",
    "const",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "prefixItems",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "patternProperties",
    "required",
    "additionalProperties",
    "default",
];

/// Calls a function with each schema directly within a schema, and the keyword that it stands under.
pub(super) fn for_each_within(
    schema: &mut Map<String, Value>,
    mut change: impl FnMut(&str, &mut Value),
) {
    for (keyword, value) in schema.iter_mut() {
        let mut change = |schema: &mut Value| change(keyword, schema);
        match value {
            _ if VALUES.contains(&keyword.as_str()) => {}
            Value::Object(named) if MAPS.contains(&keyword.as_str()) => {
                named.values_mut().for_each(&mut change);
            }
            Value::Array(schemas) => schemas.iter_mut().for_each(&mut change),
            value => change(value),
        }
    }
}

/// The schema of anything as an object: legacy revisions do not know `true`.
pub(super) fn spell_out(schema: &mut Value) {
    if *schema == Value::Bool(true) {
        *schema = json!({});
    }
}

/// Takes away what says nothing to a client, such as the formats that name Rust's numbers, in exchange for their bounds.
pub(super) fn tidy(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    for keyword in MAPS {
        if let Some(Value::Object(named)) = schema.get_mut(keyword) {
            named.values_mut().for_each(spell_out);
        }
    }
    for_each_within(schema, |_, schema| tidy(schema));
    tidy_number(schema);
    merge_null(schema);
    sort(schema);
}

fn sort(schema: &mut Map<String, Value>) {
    let mut all: Vec<(String, Value)> = std::mem::take(schema).into_iter().collect();
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    all.sort_by_key(|(name, _)| rank(name).unwrap_or(ORDER.len()));
    schema.extend(all);
}

/// The least and the greatest value of a number, by the format that names its type.
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
        // As `serde_json` writes the greatest `f32`; up to there every number is rounded to one that is finite.
        "float" => (json!(-3.402_823_5e38_f64), json!(3.402_823_5e38_f64)),
        // The bounds of 128 bits fit in no number of `serde_json`, and those of `f64` are those of JSON itself.
        _ => return None,
    })
}

fn tidy_number(schema: &mut Map<String, Value>) {
    let numbers = ["int", "int128", "uint", "uint128", "double"];
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    let bounds = bounds(format);
    if bounds.is_some() || numbers.contains(&format) {
        schema.shift_remove("format");
    }
    if let Some((minimum, maximum)) = bounds {
        schema.entry("minimum").or_insert(minimum);
        schema.entry("maximum").or_insert(maximum);
    }
}

/// Writes "one of these, or null" as one choice, not as a choice within a choice.
fn merge_null(schema: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = schema.get("anyOf") else {
        return;
    };
    let [Value::Object(inner), null] = branches.as_slice() else {
        return;
    };
    if *null != json!({ "type": "null" }) {
        return;
    }
    for keyword in ["oneOf", "anyOf"] {
        let Some(Value::Array(choices)) = inner.get(keyword) else {
            continue;
        };
        if inner
            .keys()
            .any(|key| key != keyword && key != "description")
        {
            continue;
        }
        let mut choices = choices.clone();
        choices.push(json!({ "type": "null" }));
        let description = inner.get("description").cloned();
        schema.shift_remove("anyOf");
        schema.insert(keyword.to_owned(), choices.into());
        if let Some(description) = description {
            schema.entry("description").or_insert(description);
        }
        return;
    }
}

/// The schema of a value that may also be left out: null, which means the same, is not offered.
pub(crate) fn without_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default").is_some_and(Value::is_null) {
        object.shift_remove("default");
    }
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

/// [`without_null`] for the members of nested objects that may be left out.
pub(super) fn without_optional_nulls(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let required: Vec<Value> = object
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if let Some(Value::Object(members)) = object.get_mut("properties") {
        for (name, member) in members.iter_mut() {
            if !required.iter().any(|other| other == name) {
                without_null(member);
            }
        }
    }
    for_each_within(object, |_, schema| without_optional_nulls(schema));
}

/// Says of every struct that it has no other members than its own. What is not said is left alone: an object without
/// `properties` may be anything.
pub(super) fn close(schema: &mut Value) {
    close_part(schema, true);
}

/// [`close`] for a schema that is the whole of a value, or only one of several that the value keeps at once: of these, none
/// knows the members of the others.
fn close_part(schema: &mut Value, is_whole: bool) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    distribute(object);
    let says = |keyword: &str| object.contains_key(keyword);
    let is_struct = is_whole
        && says("properties")
        && ![
            "additionalProperties",
            "patternProperties",
            "unevaluatedProperties",
            "oneOf",
            "anyOf",
            "allOf",
            "$ref",
        ]
        .into_iter()
        .any(says);
    if is_struct {
        object.insert("additionalProperties".to_owned(), false.into());
        sort(object);
    }
    let says = |keyword: &&str| object.contains_key(*keyword);
    let members = ["properties", "patternProperties", "allOf", "$ref"];
    let choices = ["oneOf", "anyOf"];
    let are_whole = is_whole
        && !members.iter().any(says)
        && choices.iter().filter(|keyword| says(keyword)).count() == 1;
    for_each_within(object, |keyword, schema| {
        let is_whole = match keyword {
            "allOf" => false,
            choice if choices.contains(&choice) => are_whole,
            _ => true,
        };
        close_part(schema, is_whole);
    });
}

/// Gives the members of an object to each of its choices, which then are whole: `{id, oneOf: [{a}, {b}]}` is
/// `oneOf: [{id, a}, {id, b}]`. Only a whole object can say that it has no other members.
fn distribute(object: &mut Map<String, Value>) {
    let Some(keyword) = ["oneOf", "anyOf"]
        .into_iter()
        .find(|keyword| object.contains_key(*keyword))
    else {
        return;
    };
    let own = [
        "type",
        "description",
        "title",
        "properties",
        "required",
        keyword,
    ];
    if !object.contains_key("properties") || object.keys().any(|key| !own.contains(&key.as_str())) {
        return;
    }
    let is_part = |branch: &Value| {
        let keywords = ["type", "description", "title", "properties", "required"];
        branch.as_object().is_some_and(|branch| {
            branch.contains_key("properties")
                && branch.keys().all(|key| keywords.contains(&key.as_str()))
        })
    };
    let Some(Value::Array(branches)) = object.get(keyword) else {
        return;
    };
    if !branches.iter().all(is_part) {
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

/// Puts the members of one object before those of another.
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
