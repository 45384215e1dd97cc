//! The forms of strings and numbers, and of enums.

use serde_json::{Value, json};

use super::convert::Converter;
use super::form::{Dialect, Members, OPENAI_FORMATS, members_of};
use super::notes::{json_text, rest, with_description};
use super::objects::{copy, count_note};

/// The keywords of numbers that Gemini does not take, and their words.
const BOUNDS: [(&str, &str); 3] = [
    ("exclusiveMinimum", "greater than"),
    ("exclusiveMaximum", "less than"),
    ("multipleOf", "a multiple of"),
];

/// The number of values that `OpenAI` allows in all enums of a schema.
const MAX_ENUM_VALUES: usize = 1000;

/// The number of texts in one enum above which `OpenAI` limits their total length, and that length in characters.
const LONG_ENUM: usize = 250;
const MAX_ENUM_LENGTH: usize = 15_000;

/// The number of values that a description names, if an enum is not allowed.
const NAMED_VALUES: usize = 20;

impl Converter<'_> {
    pub(super) fn string(&self, members: &Members) -> Members {
        let mut notes = rest(members);
        let format = members.get("format").and_then(Value::as_str);
        let (formats, kept) = match self.dialect {
            Dialect::Gemini => (
                &OPENAI_FORMATS[..1],
                &["pattern", "minLength", "maxLength"][..],
            ),
            Dialect::OpenAi => (&OPENAI_FORMATS[..], &["pattern"][..]),
        };
        let other = format.filter(|format| !formats.contains(format));
        notes.extend(other.map(|format| format!("format {format}")));
        if self.dialect == Dialect::OpenAi {
            notes.extend(count_note(members, "minLength", "maxLength", "characters"));
        }
        let mut form = with_description(json!({ "type": "string" }), members, notes);
        if other.is_none() {
            copy(members, &mut form, &["format"]);
        }
        copy(members, &mut form, kept);
        form
    }

    pub(super) fn number(&self, name: &str, members: &Members) -> Members {
        let mut notes = rest(members);
        if self.dialect == Dialect::Gemini {
            notes.extend(BOUNDS.iter().filter_map(|(keyword, words)| {
                Some(format!("{words} {}", members.get(*keyword)?))
            }));
        }
        let mut form = with_description(json!({ "type": name }), members, notes);
        copy(members, &mut form, &["minimum", "maximum"]);
        if self.dialect == Dialect::OpenAi {
            copy(members, &mut form, &BOUNDS.map(|(keyword, _)| keyword));
        }
        form
    }

    /// Returns the form of `enum` and `const`.
    pub(super) fn enumeration(&mut self, members: &Members) -> Members {
        let mut values = values_of(members);
        let all = values.len();
        values.retain(|value| !value.is_null());
        if values.is_empty() {
            return self.null(members);
        }
        let names = ["string", "number", "boolean", "other"].into_iter();
        let forms = names.filter_map(|name| {
            let of_type = values.iter().filter(|it| type_of(it) == name);
            let of_type: Vec<Value> = of_type.cloned().collect();
            (!of_type.is_empty()).then(|| self.values(name, &of_type))
        });
        let forms = forms.collect();
        let form = self.any_of(forms, Some((members, rest(members))));
        let has_null = values.len() < all;
        if has_null { self.nullable(form) } else { form }
    }

    /// Returns the form of some values of one type.
    fn values(&mut self, name: &str, values: &[Value]) -> Members {
        let name = match name {
            "number" if values.iter().all(|value| value.is_i64() || value.is_u64()) => "integer",
            "other" => return json_text(&json!({ "enum": values }), None, None),
            name => name,
        };
        if self.takes_enum(name, values) {
            self.enum_values += values.len();
            return members_of(json!({ "type": name, "enum": values }));
        }
        let shown: Vec<String> = values.iter().map(Value::to_string).collect();
        let (shown, more) = shown.split_at(shown.len().min(NAMED_VALUES));
        let rest = if more.is_empty() { "" } else { ", .." };
        let note = format!("one of {}{rest}", shown.join(", "));
        with_description(json!({ "type": name }), &Members::new(), vec![note])
    }

    fn takes_enum(&self, name: &str, values: &[Value]) -> bool {
        let texts = || values.iter().filter_map(Value::as_str);
        match self.dialect {
            Dialect::Gemini => name == "string" && texts().all(|text| !text.is_empty()),
            Dialect::OpenAi => {
                let length: usize = texts().map(|text| text.chars().count()).sum();
                let is_long = values.len() > LONG_ENUM && length > MAX_ENUM_LENGTH;
                !is_long && self.enum_values + values.len() <= MAX_ENUM_VALUES
            }
        }
    }
}

/// Returns the values of `const` or `enum`.
fn values_of(members: &Members) -> Vec<Value> {
    match (members.get("const"), members.get("enum")) {
        (Some(only), _) => vec![only.clone()],
        (None, Some(Value::Array(values))) => values.clone(),
        _ => Vec::new(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        _ => "other",
    }
}
