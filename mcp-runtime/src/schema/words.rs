//! Schemas and values in words, for models.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use super::tidy::bounds;

/// The number of characters of a text that are shown.
const SHOWN: usize = 60;

/// The number of characters of a reason that are shown.
const REASON: usize = 300;

/// Returns the texts that a schema allows, if they are listed: `enum` values and the branches of `oneOf` with a
/// `const`.
pub(crate) fn texts(schema: &Value) -> Option<Vec<String>> {
    if schema.get("type").is_some_and(|name| name == "boolean") {
        return Some(vec!["true".to_owned(), "false".to_owned()]);
    }
    strings(schema)
}

/// Like [`texts`], for strings only.
pub(super) fn strings(schema: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(text).collect();
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![text(value)?]);
    }
    let branches = schema.get("oneOf").and_then(Value::as_array)?;
    let all: Option<Vec<_>> = branches.iter().map(strings).collect();
    Some(all?.concat())
}

/// Describes a schema in words: "an integer", "one of \"a\", \"b\"".
pub(crate) fn in_words(schema: &Value) -> String {
    describe(schema, false)
}

/// Like [`in_words`], and includes the bounds of 64-bit numbers, for mistakes about bounds.
pub(super) fn in_words_with_all_bounds(schema: &Value) -> String {
    describe(schema, true)
}

fn describe(schema: &Value, all_bounds: bool) -> String {
    if let Some(texts) = strings(schema) {
        return one_of(&texts);
    }
    let branches = ["oneOf", "anyOf"]
        .into_iter()
        .find_map(|keyword| schema.get(keyword)?.as_array());
    if let Some(branches) = branches {
        return of_choice(branches, all_bounds);
    }
    match (schema.get("type"), schema.as_object()) {
        (Some(Value::String(name)), Some(schema)) => of_type(name, schema, all_bounds),
        (Some(Value::Array(names)), Some(schema)) => {
            let names = names.iter().filter_map(Value::as_str);
            let names = names.map(|name| of_type(name, schema, all_bounds));
            either(&names.collect::<Vec<_>>())
        }
        (None, Some(schema)) if schema.contains_key("pattern") => of_string(schema),
        _ => "a value that fits the schema".to_owned(),
    }
}

fn of_type(name: &str, schema: &Map<String, Value>, all_bounds: bool) -> String {
    match name {
        "string" => of_string(schema),
        "integer" => of_number("an integer", schema, all_bounds),
        "number" => of_number("a number", schema, all_bounds),
        "boolean" => "true or false".to_owned(),
        "null" => "null".to_owned(),
        "array" => with_count("an array", "items", schema, "minItems", "maxItems"),
        _ => with_count(
            "an object",
            "members",
            schema,
            "minProperties",
            "maxProperties",
        ),
    }
}

fn of_number(noun: &str, schema: &Map<String, Value>, all_bounds: bool) -> String {
    // Bounds of about 64 bits do not help a model.
    let is_far = |bound: &&Value| bound.as_f64().is_some_and(|bound| bound.abs() > 1e18);
    let bound = |keyword| {
        schema
            .get(keyword)
            .filter(|bound| all_bounds || !is_far(bound))
    };
    let not = schema.get("not").and_then(|not| not.get("const"));
    let mut words = match (bound("minimum"), bound("maximum")) {
        (Some(minimum), Some(maximum)) => format!("{noun} from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("{noun} of at least {minimum}"),
        (None, Some(maximum)) => format!("{noun} of at most {maximum}"),
        (None, None) => noun.to_owned(),
    };
    let mut and = if words == noun { "" } else { " and" };
    for (keyword, word) in [("exclusiveMinimum", "above"), ("exclusiveMaximum", "below")] {
        if let Some(bound) = bound(keyword) {
            let _ = write!(words, "{and} {word} {bound}");
            and = " and";
        }
    }
    if let Some(not) = not {
        let _ = write!(words, " other than {not}");
    }
    words
}

fn of_choice(branches: &[Value], all_bounds: bool) -> String {
    let mut texts = Vec::new();
    let mut members = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for branch in branches {
        if let Some(some) = strings(branch) {
            texts.extend(some);
        } else if let Some(member) = only_member(branch) {
            members.push(member);
        } else {
            let words = describe(branch, all_bounds);
            if !others.contains(&words) {
                others.push(words);
            }
        }
    }
    let mut all = Vec::new();
    if !texts.is_empty() {
        all.push(one_of(&texts));
    }
    all.extend(others);
    if !members.is_empty() {
        all.push(one_member_of(&members));
    }
    either(&all)
}

fn of_string(schema: &Map<String, Value>) -> String {
    if let Some(format) = schema.get("format").and_then(Value::as_str) {
        return format!("a string in the format `{format}`");
    }
    if schema.get("minLength").is_some_and(|length| *length == 1)
        && schema.get("maxLength").is_some_and(|length| *length == 1)
    {
        return "a string of one character".to_owned();
    }
    let words = with_count("a string", "characters", schema, "minLength", "maxLength");
    match schema.get("pattern").and_then(Value::as_str) {
        Some(pattern) => format!("{words} that matches `{pattern}`"),
        None => words,
    }
}

fn with_count(
    noun: &str,
    what: &str,
    schema: &Map<String, Value>,
    least: &str,
    most: &str,
) -> String {
    match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) if least == most => format!("{noun} of {least} {what}"),
        (Some(least), Some(most)) => format!("{noun} of {least} to {most} {what}"),
        (Some(least), None) => format!("{noun} of at least {least} {what}"),
        (None, Some(most)) => format!("{noun} of at most {most} {what}"),
        (None, None) => noun.to_owned(),
    }
}

/// Describes an object whose only member names a variant of an enum.
pub(super) fn one_member_of(names: &[&str]) -> String {
    match names {
        [only] => format!("an object with the member `{only}`"),
        names => format!("an object with one member of `{}`", names.join("`, `")),
    }
}

fn one_of(texts: &[String]) -> String {
    match texts {
        [only] => format!("{only:?}"),
        texts => format!("one of \"{}\"", texts.join("\", \"")),
    }
}

fn either(all: &[String]) -> String {
    match all {
        [] => "a value that fits the schema".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// Returns the only member of an object that represents a variant of an enum: `{"Circle": ..}`.
pub(super) fn only_member(schema: &Value) -> Option<&str> {
    let required = schema.get("required")?.as_array()?;
    let members = schema.get("properties")?.as_object()?;
    match (required.as_slice(), members.len()) {
        ([Value::String(name)], 1) => {
            let member = members.get(name)?;
            member.get("const").is_none().then_some(name)
        }
        _ => None,
    }
}

/// Describes a value that was received.
pub(crate) fn got(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the string \"{}\"", shown(text)),
        Value::Array(items) if items.is_empty() => "an empty array".to_owned(),
        Value::Array(items) if items.len() == 1 => "an array of 1 item".to_owned(),
        Value::Array(items) => format!("an array of {} items", items.len()),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// Returns a text on one line, shortened if it is long.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.escape_debug().to_string(),
        Some((end, _)) => format!("{}...", text[..end].escape_debug()),
    }
}

/// The beginnings of errors that serde words itself: they name Rust types, and positions in a text that clients never
/// see.
const WORDED_BY_SERDE: [&str; 9] = [
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "unknown variant `",
    "unknown field `",
    "missing field `",
    "duplicate field `",
    "data did not match any variant ",
    "no variant of enum ",
];

/// Returns the message of a type that refused a value, on one line. It may repeat the value.
pub(crate) fn reason(error: &impl fmt::Display) -> Option<String> {
    let text = error.to_string();
    if WORDED_BY_SERDE.iter().any(|words| text.starts_with(words)) {
        return None;
    }
    let text = text.split(" at line ").next().unwrap_or_default();
    let mut line = String::new();
    for letter in text.chars().take(REASON) {
        if letter.is_control() {
            line.extend(letter.escape_debug());
        } else {
            line.push(letter);
        }
    }
    Some(line)
}

/// Describes the type of the standard library that an error of serde names, in the words of schemas.
pub(crate) fn wanted_by_type(error: &impl fmt::Display) -> Option<String> {
    let text = error.to_string();
    let (_, wanted) = text.rsplit_once(", expected ")?;
    let wanted = wanted.split(" at line ").next()?;
    match wanted {
        "a boolean" => Some("true or false".to_owned()),
        "a character" => Some("one character".to_owned()),
        integer => {
            let format = integer.replacen('i', "int", 1).replacen('u', "uint", 1);
            let (minimum, maximum) = bounds(&format)?;
            Some(format!("an integer from {minimum} to {maximum}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_have_words() {
        for (schema, words) in [
            (
                json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
                "an integer from 0 to 255",
            ),
            (
                json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }),
                "an integer",
            ),
            (
                json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
                "an integer of at least 0",
            ),
            (json!({ "type": ["integer", "null"] }), "an integer or null"),
            (
                json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
                "a string of one character",
            ),
            (
                json!({ "type": "string", "format": "date" }),
                "a string in the format `date`",
            ),
            (
                json!({ "type": "array", "minItems": 2, "maxItems": 2 }),
                "an array of 2 items",
            ),
            (json!({ "enum": ["a", "b"] }), "one of \"a\", \"b\""),
            (
                json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }),
                "one of \"a\", \"b\"",
            ),
            (
                json!({ "oneOf": [{ "enum": ["A"] }, { "properties": { "B": {} }, "required": ["B"] }] }),
                "\"A\" or an object with the member `B`",
            ),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }, { "type": "boolean" }] }),
                "an integer, a string or true or false",
            ),
            (json!({}), "a value that fits the schema"),
        ] {
            assert_eq!(in_words(&schema), words, "{schema}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shown(&"é".repeat(100)), format!("{}...", "é".repeat(60)));
        assert_eq!(shown("a\nb"), "a\\nb");
    }
}
