//! JSON Schema as clients can use it: inlined, without noise, and what a value must be said in words.
//!
//! Dialect: JSON Schema 2020-12, see <https://json-schema.org/draft/2020-12>.

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Makes the schemas of one component.
pub struct Schemas(SchemaGenerator);

impl Schemas {
    /// For what comes in: what `Deserialize` takes.
    pub(crate) fn of_input() -> Self {
        Self(settings().for_deserialize().into_generator())
    }

    /// For what goes out: what `Serialize` writes.
    pub(crate) fn of_output() -> Self {
        Self(settings().for_serialize().into_generator())
    }

    /// The schema of a type, without noise.
    pub(crate) fn of<T: JsonSchema + ?Sized>(&mut self) -> Value {
        let mut schema = self.0.subschema_for::<T>().to_value();
        spell_out(&mut schema);
        tidy(&mut schema);
        schema
    }

    /// The definitions that recursive types refer to.
    pub(crate) fn definitions(&mut self) -> Option<Value> {
        let mut definitions = Value::Object(self.0.take_definitions(true));
        let empty = definitions.as_object().is_none_or(Map::is_empty);
        if let Some(definitions) = definitions.as_object_mut() {
            definitions.values_mut().for_each(tidy);
        }
        (!empty).then_some(definitions)
    }
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    })
}

/// The keywords whose value is a map from names to schemas, where a name must not be taken for a keyword.
const MAPS: [&str; 3] = ["properties", "$defs", "patternProperties"];

/// The keywords whose value is no schema.
const VALUES: [&str; 4] = ["default", "const", "enum", "examples"];

/// The schema of anything as an object: legacy revisions do not know `true`.
fn spell_out(schema: &mut Value) {
    if *schema == Value::Bool(true) {
        *schema = json!({});
    }
}

/// Takes away what says nothing to a client: the formats that name Rust's numbers, in exchange for their bounds.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(tidy),
        Value::Object(schema) => {
            tidy_number(schema);
            for (keyword, value) in schema.iter_mut() {
                match value {
                    Value::Object(named) if MAPS.contains(&keyword.as_str()) => {
                        named.values_mut().for_each(spell_out);
                        named.values_mut().for_each(tidy);
                    }
                    _ if VALUES.contains(&keyword.as_str()) => {}
                    value => tidy(value),
                }
            }
        }
        _ => {}
    }
}

fn tidy_number(schema: &mut Map<String, Value>) {
    let bounds = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => Some((json!(i8::MIN), json!(i8::MAX))),
        Some("int16") => Some((json!(i16::MIN), json!(i16::MAX))),
        Some("int32") => Some((json!(i32::MIN), json!(i32::MAX))),
        Some("uint8") => Some((json!(0), json!(u8::MAX))),
        Some("uint16") => Some((json!(0), json!(u16::MAX))),
        Some("uint32") => Some((json!(0), json!(u32::MAX))),
        // Bounds of 64 bits and more are no exact numbers in JavaScript.
        Some("uint" | "uint64" | "uint128" | "int" | "int64" | "int128" | "float" | "double") => {
            None
        }
        _ => return,
    };
    schema.remove("format");
    if let Some((minimum, maximum)) = bounds {
        schema.entry("minimum").or_insert(minimum);
        schema.entry("maximum").or_insert(maximum);
    }
}

/// The schema of a value that may also be left out: null, which means the same, is not offered.
pub(crate) fn without_null(schema: &mut Value) {
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
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else {
        return;
    };
    branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
    if branches.len() != 1 {
        return;
    }
    if let Some(Value::Object(only)) = branches.pop() {
        object.remove("anyOf");
        for (keyword, value) in only {
            object.entry(keyword).or_insert(value);
        }
    }
}

/// [`without_null`] for the members of nested objects that may be left out.
pub(crate) fn without_optional_nulls(schema: &mut Value) {
    if let Value::Array(schemas) = schema {
        schemas.iter_mut().for_each(without_optional_nulls);
    }
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let required: Vec<Value> = object
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for (keyword, value) in object.iter_mut() {
        match value {
            Value::Object(named) if MAPS.contains(&keyword.as_str()) => {
                for (name, member) in named.iter_mut() {
                    if keyword == "properties" && !required.iter().any(|other| other == name) {
                        without_null(member);
                    }
                    without_optional_nulls(member);
                }
            }
            _ if VALUES.contains(&keyword.as_str()) => {}
            value => without_optional_nulls(value),
        }
    }
}

/// Whether every value of a schema is an object.
pub(crate) fn is_object(schema: &Value) -> bool {
    if schema.get("type").is_some_and(|name| name == "object") {
        return true;
    }
    ["oneOf", "anyOf"].iter().any(|keyword| {
        schema
            .get(keyword)
            .and_then(Value::as_array)
            .is_some_and(|branches| !branches.is_empty() && branches.iter().all(is_object))
    })
}

/// The texts that a schema allows, if it allows only some: `enum` values and the branches of `oneOf` with a `const`.
pub(crate) fn texts(schema: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if schema.get("type").is_some_and(|name| name == "boolean") {
        return Some(vec!["true".to_owned(), "false".to_owned()]);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(text).collect();
    }
    let branches = schema.get("oneOf").and_then(Value::as_array)?;
    let mut all = Vec::new();
    for branch in branches {
        match branch.get("const") {
            Some(value) => all.push(text(value)?),
            None => all.extend(texts(branch)?),
        }
    }
    Some(all)
}

/// Whether a value of this schema can be written as one text, as variables of URIs and arguments of prompts are.
pub(crate) fn is_textual(schema: &Value) -> bool {
    let scalar = |name: &Value| {
        ["string", "integer", "number", "boolean"]
            .iter()
            .any(|scalar| name == scalar)
    };
    match schema.get("type") {
        Some(Value::Array(names)) => names.iter().all(scalar),
        Some(name) => scalar(name),
        None => texts(schema).is_some(),
    }
}

/// What a schema asks for, in words: "an integer", "one of \"a\", \"b\"".
pub(crate) fn in_words(schema: &Value) -> String {
    if schema.get("type").is_none_or(|name| name == "string")
        && let Some(texts) = texts(schema)
    {
        return format!("one of \"{}\"", texts.join("\", \""));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => "a string".to_owned(),
        Some("integer") => in_words_with_bounds("an integer", schema),
        Some("number") => in_words_with_bounds("a number", schema),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => "an array".to_owned(),
        Some("object") => "an object".to_owned(),
        _ => "a value that fits the tool's schema".to_owned(),
    }
}

fn in_words_with_bounds(noun: &str, schema: &Value) -> String {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(minimum), Some(maximum)) => format!("{noun} from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("{noun} of at least {minimum}"),
        _ => noun.to_owned(),
    }
}

/// Mends what clients are known to send wrong, where the schema leaves no doubt what was meant: `"5"` for an integer,
/// `"true"` for a boolean, `30.0` for an integer, and an array or object sent as a string.
pub(crate) fn repair(value: &mut Value, schema: &Value) {
    match (schema.get("type").and_then(Value::as_str), &*value) {
        (Some("integer"), Value::Number(number)) => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole;
            }
        }
        (
            Some(wanted @ ("integer" | "number" | "boolean" | "array" | "object")),
            Value::String(text),
        ) => {
            if let Some(meant) = meant(text, wanted) {
                *value = meant;
            }
        }
        _ => {}
    }
    match value {
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    repair(item, schema);
                }
            }
        }
        Value::Object(members) => {
            let named = schema.get("properties").and_then(Value::as_object);
            for (name, schema) in named.into_iter().flatten() {
                if let Some(member) = members.get_mut(name) {
                    repair(member, schema);
                }
            }
        }
        _ => {}
    }
}

/// A number without a fraction that was written with one, as an integer.
fn whole(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)] // within the exact range and without a fraction
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| json!(number as i64))
}

/// What a string stands for where `wanted` is asked for.
fn meant(text: &str, wanted: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    match (wanted, &value) {
        ("integer", Value::Number(number)) if number.is_f64() => number.as_f64().and_then(whole),
        ("integer" | "number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_only_what_the_schema_asks_for() {
        let schema = json!({
            "type": "object",
            "properties": {
                "count": { "type": "integer" },
                "name": { "type": "string" },
                "deep": { "type": "boolean" },
                "tags": { "type": "array", "items": { "type": "integer" } }
            }
        });
        let mut value =
            json!({ "count": "5", "name": "5", "deep": "true", "tags": "[\"1\", 2.0]" });
        repair(&mut value, &schema);
        assert_eq!(
            value,
            json!({ "count": 5, "name": "5", "deep": true, "tags": [1, 2] })
        );
        let mut doubtful = json!({ "count": "5.5", "deep": "yes", "tags": "{}" });
        let before = doubtful.clone();
        repair(&mut doubtful, &schema);
        assert_eq!(doubtful, before);
    }

    #[test]
    fn numbers_get_bounds_for_the_name_of_their_type() {
        let mut schemas = Schemas::of_input();
        assert_eq!(schemas.of::<f64>(), json!({ "type": "number" }));
        assert_eq!(
            schemas.of::<u8>(),
            json!({ "type": "integer", "minimum": 0, "maximum": 255 })
        );
        assert_eq!(schemas.of::<i64>(), json!({ "type": "integer" }));
    }

    #[test]
    fn what_may_be_left_out_does_not_offer_null() {
        let mut schema = Schemas::of_input().of::<Option<u8>>();
        without_null(&mut schema);
        assert_eq!(
            schema,
            json!({ "type": "integer", "minimum": 0, "maximum": 255 })
        );
    }
}
