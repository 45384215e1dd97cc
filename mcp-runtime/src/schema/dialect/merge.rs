//! One schema out of several that all apply: those of `allOf`, and those beside a reference or a choice.

use serde_json::{Value, json};

use super::form::Members;

/// The keyword for what could not be merged.
pub(super) const REST: &str = "allOf";

/// Returns a schema that allows what both allow, as far as its keywords can say. The first one has the better description.
pub(super) fn merge(mut first: Members, second: Members) -> Members {
    for (keyword, value) in second {
        match first.get(&keyword) {
            None => {
                first.insert(keyword, value);
            }
            Some(own) => {
                if let Some(both) = combined(&keyword, own, &value) {
                    first.insert(keyword, both);
                } else if !is_annotation(&keyword) && *own != value {
                    keep(&mut first, &keyword, value);
                }
            }
        }
    }
    first
}

/// Keeps a keyword that could not be merged.
fn keep(members: &mut Members, keyword: &str, value: Value) {
    let rest = members.entry(REST).or_insert_with(|| json!([]));
    if let Some(rest) = rest.as_array_mut() {
        rest.push(json!({ keyword: value }));
    }
}

fn is_annotation(keyword: &str) -> bool {
    let annotations = [
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "default",
        "deprecated",
        "description",
        "examples",
        "title",
    ];
    annotations.contains(&keyword)
}

/// Returns the value of a keyword that has the effect of both values.
fn combined(keyword: &str, first: &Value, second: &Value) -> Option<Value> {
    match keyword {
        "properties" => Some(properties(first, second)),
        "required" | "allOf" => {
            let (first, second) = (first.as_array()?, second.as_array()?);
            let more = second.iter().filter(|item| !first.contains(item));
            Some(first.iter().chain(more).cloned().collect())
        }
        "type" => types(first, second),
        "enum" => {
            let (first, second) = (first.as_array()?, second.as_array()?);
            let both = first.iter().filter(|value| second.contains(value));
            Some(both.cloned().collect())
        }
        "items" => Some(json!({ "allOf": [first, second] })),
        // The properties of one schema are additional ones of the other.
        "additionalProperties" | "unevaluatedProperties" => {
            let either = *first == false || *second == false;
            either.then(|| false.into())
        }
        _ => bound(keyword, first, second),
    }
}

/// Returns the stricter one of two bounds.
fn bound(keyword: &str, first: &Value, second: &Value) -> Option<Value> {
    let is_least = keyword.starts_with("min") || keyword == "exclusiveMinimum";
    let is_most = keyword.starts_with("max") || keyword == "exclusiveMaximum";
    let (one, other) = (first.as_f64()?, second.as_f64()?);
    let stricter = match (is_least, is_most) {
        (true, _) if one < other => second,
        (_, true) if one > other => second,
        (false, false) => return None,
        _ => first,
    };
    Some(stricter.clone())
}

fn properties(first: &Value, second: &Value) -> Value {
    let mut all = first.as_object().cloned().unwrap_or_default();
    for (name, schema) in second.as_object().into_iter().flatten() {
        let both = match all.get(name) {
            Some(own) if own != schema => json!({ "allOf": [own, schema] }),
            _ => schema.clone(),
        };
        all.insert(name.clone(), both);
    }
    all.into()
}

fn names(types: &Value) -> Vec<Value> {
    match types {
        Value::Array(names) => names.clone(),
        only => vec![only.clone()],
    }
}

/// Returns the types that both allow. An integer is a number, too.
fn types(first: &Value, second: &Value) -> Option<Value> {
    let (first, second) = (names(first), names(second));
    let allows = |names: &[Value], name: &Value| {
        names.contains(name) || *name == "integer" && names.contains(&"number".into())
    };
    let both = first.iter().chain(&second);
    let both = both.filter(|name| allows(&first, name) && allows(&second, name));
    let mut both: Vec<Value> = both.cloned().collect();
    both.sort_by_key(Value::to_string);
    both.dedup();
    match both.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        _ => Some(both.into()),
    }
}
