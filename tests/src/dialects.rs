//! What the APIs of models take in schemas, as their vendors publish it, independent of the code that converts schemas.
//!
//! Sources: the type `Schema` of <https://github.com/googleapis/python-genai/blob/main/google/genai/types.py>, and
//! <https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas>.

use serde_json::{Map, Value};

const GEMINI: [&str; 17] = [
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "required",
];

const OPENAI: [&str; 17] = [
    "$ref",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "required",
];

const OPENAI_FORMATS: [&str; 9] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uuid",
];

/// A keyword for clients of the protocol, which do not hand it to a model.
const OF_THE_PROTOCOL: &str = "x-mcp-header";

/// Returns why Gemini would refuse a schema as the parameters of a function.
pub fn gemini_mistakes(schema: &Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    gemini(schema, "$", true, &mut mistakes);
    mistakes
}

fn gemini(schema: &Value, path: &str, is_root: bool, mistakes: &mut Vec<String>) {
    let mut mistake = |what: &str| mistakes.push(format!("{path}: {what}"));
    let Some(rules) = schema.as_object() else {
        return mistake("is no object");
    };
    let has = |keyword: &str| rules.contains_key(keyword);
    for keyword in rules.keys() {
        let is_known = keyword == "type" || keyword == OF_THE_PROTOCOL;
        if !is_known && !GEMINI.contains(&keyword.as_str()) {
            mistake(&format!("has `{keyword}`"));
        }
    }
    if let Some(branches) = rules.get("anyOf") {
        if rules
            .keys()
            .any(|keyword| keyword != "anyOf" && keyword != OF_THE_PROTOCOL)
        {
            mistake("has other keywords beside `anyOf`");
        }
        for branch in branches.as_array().into_iter().flatten() {
            gemini(branch, &format!("{path}|"), false, mistakes);
        }
        return;
    }
    let name = rules
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !["array", "boolean", "integer", "number", "object", "string"].contains(&name) {
        mistake("has no single type");
    }
    if rules
        .get("format")
        .is_some_and(|format| format != "date-time")
    {
        mistake("has another format");
    }
    let texts = |values: &Value| {
        let values = values.as_array().into_iter().flatten();
        values
            .map(Value::as_str)
            .all(|text| text.is_some_and(|text| !text.is_empty()))
    };
    if rules
        .get("enum")
        .is_some_and(|values| name != "string" || !texts(values))
    {
        mistake("has an enum that is not of texts");
    }
    if name == "array" && !has("items") {
        mistake("is an array without items");
    }
    if name != "object" && (has("properties") || has("required")) {
        mistake("has properties and is no object");
    }
    let properties = members(rules, "properties");
    if name == "object" && properties.is_empty() && !is_root {
        mistake("is an object without properties");
    }
    for required in rules
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if !properties.contains_key(required.as_str().unwrap_or_default()) {
            mistake("requires a property that it does not have");
        }
    }
    for (name, property) in &properties {
        gemini(property, &format!("{path}.{name}"), false, mistakes);
    }
    if let Some(items) = rules.get("items") {
        gemini(items, &format!("{path}[]"), false, mistakes);
    }
}

/// Returns why `OpenAI` would refuse a schema as the parameters of a strict function.
pub fn openai_mistakes(schema: &Value) -> Vec<String> {
    let mut strict = Strict {
        definitions: members(schema.as_object().unwrap_or(&Map::new()), "$defs"),
        properties: 0,
        values: 0,
        mistakes: Vec::new(),
    };
    let mut root = schema.clone();
    if let Some(rules) = root.as_object_mut() {
        rules.shift_remove("$defs");
    }
    strict.part(&root, "$", 0);
    for (name, definition) in strict.definitions.clone() {
        strict.part(&definition, &name, 0);
    }
    if schema.get("anyOf").is_some() || schema["type"] != "object" {
        strict.mistakes.push("the root is no object".to_owned());
    }
    if strict.properties > 5000 || strict.values > 1000 {
        strict
            .mistakes
            .push("there are too many properties or values".to_owned());
    }
    strict.mistakes
}

struct Strict {
    definitions: Map<String, Value>,
    properties: usize,
    values: usize,
    mistakes: Vec<String>,
}

impl Strict {
    fn part(&mut self, schema: &Value, path: &str, level: usize) {
        let mut mistakes = Vec::new();
        let mut mistake = |what: &str| mistakes.push(format!("{path}: {what}"));
        let empty = Map::new();
        let rules = schema.as_object().unwrap_or(&empty);
        for keyword in rules.keys() {
            let is_known = keyword == "type" || keyword == OF_THE_PROTOCOL;
            if !is_known && !OPENAI.contains(&keyword.as_str()) {
                mistake(&format!("has `{keyword}`"));
            }
        }
        if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
            let name = target.strip_prefix("#/$defs/").unwrap_or_default();
            if rules.len() > 1 || !self.definitions.contains_key(name) {
                mistake("has a reference that leads nowhere, or has neighbours");
            }
        } else if !rules.contains_key("type") && !rules.contains_key("anyOf") {
            mistake("has no type");
        }
        let format = rules.get("format").and_then(Value::as_str);
        if format.is_some_and(|format| !OPENAI_FORMATS.contains(&format)) {
            mistake("has another format");
        }
        if rules.get("type").is_some_and(|name| name == "array") && !rules.contains_key("items") {
            mistake("is an array without items");
        }
        let properties = members(rules, "properties");
        self.properties += properties.len();
        self.values += rules
            .get("enum")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let is_object = rules.get("type").is_some_and(|name| {
            name == "object"
                || name
                    .as_array()
                    .is_some_and(|names| names.contains(&"object".into()))
        });
        let required = rules.get("required").and_then(Value::as_array);
        let mut required: Vec<&str> = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // A manifest sorts them.
        required.sort_unstable();
        let mut names: Vec<&String> = properties.keys().collect();
        names.sort_unstable();
        if is_object
            && (required != names || rules.get("additionalProperties") != Some(&false.into()))
        {
            mistake("is an object that is not strict");
        }
        if is_object && level >= 10 {
            mistake("is nested too deep");
        }
        self.mistakes.extend(mistakes);
        for (name, property) in &properties {
            self.part(property, &format!("{path}.{name}"), level + 1);
        }
        for branch in rules
            .get("anyOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.part(branch, &format!("{path}|"), level);
        }
        if let Some(items) = rules.get("items") {
            self.part(items, &format!("{path}[]"), level);
        }
    }
}

fn members(rules: &Map<String, Value>, keyword: &str) -> Map<String, Value> {
    let members = rules.get(keyword).and_then(Value::as_object);
    members.cloned().unwrap_or_default()
}
