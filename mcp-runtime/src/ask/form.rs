//! Conversion of the schema of a Rust type into a form that a client shows to its user.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#requested-schema>.

use serde_json::{Map, Value, json};

use super::fields::Answerable;
use crate::error::AskError;
use crate::protocol::revision::Features;
use crate::schema::{Schemas, without_null};

// The keywords that clients support, for each kind of member.
const TEXT: &[&str] = &["minLength", "maxLength"];
const NUMBER: &[&str] = &["minimum", "maximum"];
const LIST: &[&str] = &["minItems", "maxItems"];

/// The string formats that clients support.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];

/// Returns the form that asks for a value of the type.
pub(super) fn of<T: Answerable>(features: &Features) -> Result<Value, AskError> {
    let schema = T::schema(&mut Schemas::of_input(true));
    let members = schema["properties"]
        .as_object()
        .ok_or_else(|| no_form("it is not a struct with named members"))?;
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, member)| {
            let member = property(member, features)
                .map_err(|reason| no_form(&format!("`{name}` {reason}")))?;
            Ok((name.clone(), member))
        })
        .collect::<Result<_, AskError>>()?;
    let mut form = json!({ "type": "object", "properties": properties });
    if let Some(required) = schema.get("required") {
        form["required"] = required.clone();
    }
    Ok(form)
}

/// Returns `true` if the content is within the bounds of the form. Deserialisation checks everything else.
pub(super) fn admits(form: &Value, content: &Value) -> bool {
    form["properties"].as_object().is_none_or(|members| {
        let mut members = members.iter();
        members.all(|(name, member)| within_bounds(member, &content[name]))
    })
}

fn within_bounds(member: &Value, value: &Value) -> bool {
    #[allow(clippy::cast_precision_loss)] // no length reaches 2^53
    let (size, least, most) = match value {
        Value::Number(number) => (number.as_f64(), "minimum", "maximum"),
        Value::String(text) => (Some(text.chars().count() as f64), "minLength", "maxLength"),
        Value::Array(items) => (Some(items.len() as f64), "minItems", "maxItems"),
        _ => return true,
    };
    let bound = |keyword: &str| member[keyword].as_f64();
    size.is_some_and(|size| {
        bound(least).is_none_or(|least| least <= size)
            && bound(most).is_none_or(|most| size <= most)
    })
}

fn no_form(reason: &str) -> AskError {
    AskError::NoForm(reason.to_owned())
}

fn property(schema: &Value, features: &Features) -> Result<Value, String> {
    let mut schema = schema.clone();
    without_null(&mut schema);
    let mut property = match schema["type"].as_str() {
        Some("array") => list(&schema, features)?,
        Some(kind @ ("number" | "integer")) => {
            with_keywords(&schema, json!({ "type": kind }), NUMBER)
        }
        Some("boolean") => json!({ "type": "boolean" }),
        _ => match enum_choices(&schema) {
            Some(choices) => one_of(&choices, &schema, features),
            None if schema["type"] == "string" => text(&schema),
            None => {
                return Err(
                    "is not a string, number, boolean, enum of unit variants, or list of such enums"
                        .to_owned(),
                );
            }
        },
    };
    for keyword in ["title", "description"] {
        copy(&schema, &mut property, keyword);
    }
    // The default of an `Option` is null, which is not a valid default of a member. Omitting it means the same.
    let has_default = schema.get("default").is_some_and(|value| !value.is_null());
    if has_default && (features.elicitation_defaults || schema["type"] == "boolean") {
        copy(&schema, &mut property, "default");
    }
    Ok(property)
}

fn copy(from: &Value, to: &mut Value, keyword: &str) {
    if let Some(value) = from.get(keyword) {
        to[keyword] = value.clone();
    }
}

fn with_keywords(from: &Value, mut to: Value, keywords: &[&str]) -> Value {
    for keyword in keywords {
        copy(from, &mut to, keyword);
    }
    to
}

fn text(schema: &Value) -> Value {
    let mut property = with_keywords(schema, json!({ "type": "string" }), TEXT);
    if FORMATS.iter().any(|format| schema["format"] == *format) {
        copy(schema, &mut property, "format");
    }
    property
}

/// One variant of an enum: its value and its title.
struct Choice {
    value: String,
    title: Option<String>,
}

impl Choice {
    fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.value)
    }
}

/// Returns the choices of an enum of unit variants.
fn enum_choices(schema: &Value) -> Option<Vec<Choice>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = schema["enum"].as_array() {
        let choice = |(index, value)| {
            let title = text(&schema["enumNames"][index]);
            text(value).map(|value| Choice { value, title })
        };
        return values.iter().enumerate().map(choice).collect();
    }
    let branches = schema["oneOf"].as_array().or(schema["anyOf"].as_array())?;
    let choices = branches.iter().map(|branch| {
        let Some(value) = branch.get("const") else {
            return enum_choices(branch);
        };
        let title = text(&branch["title"]).or_else(|| text(&branch["description"]));
        text(value).map(|value| vec![Choice { value, title }])
    });
    let choices: Option<Vec<_>> = choices.collect();
    Some(choices?.into_iter().flatten().collect())
}

fn are_titled(choices: &[Choice]) -> bool {
    choices.iter().any(|choice| choice.title.is_some())
}

fn titled(choices: &[Choice]) -> Value {
    let choice = |choice: &Choice| json!({ "const": choice.value, "title": choice.title() });
    choices.iter().map(choice).collect()
}

fn untitled(choices: &[Choice]) -> Value {
    let values: Value = choices.iter().map(|choice| &*choice.value).collect();
    json!({ "type": "string", "enum": values })
}

fn one_of(choices: &[Choice], schema: &Value, features: &Features) -> Value {
    let legacy = schema.get("enumNames").is_some() || !features.titled_enums;
    if are_titled(choices) && !legacy {
        return json!({ "type": "string", "oneOf": titled(choices) });
    }
    let mut property = untitled(choices);
    if are_titled(choices) {
        property["enumNames"] = choices.iter().map(Choice::title).collect();
    }
    property
}

fn list(schema: &Value, features: &Features) -> Result<Value, String> {
    if !features.titled_enums {
        return Err("is a list, which this client's revision cannot ask for".to_owned());
    }
    let choices = enum_choices(&schema["items"])
        .ok_or("is a list whose items are not an enum of unit variants")?;
    let items = if are_titled(&choices) {
        json!({ "anyOf": titled(&choices) })
    } else {
        untitled(&choices)
    };
    Ok(with_keywords(
        schema,
        json!({ "type": "array", "items": items }),
        LIST,
    ))
}
