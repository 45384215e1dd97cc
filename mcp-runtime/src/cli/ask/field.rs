//! A field of a form: how it is shown, and how an answer is parsed.

use serde_json::{Value, json};

/// A field of a form, with its schema.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) schema: &'a Value,
    pub(super) is_required: bool,
}

/// A value that may be chosen, with its title.
struct Choice<'a> {
    value: &'a str,
    title: &'a str,
}

impl Field<'_> {
    /// Returns the lines above the prompt: the description, and the numbered choices.
    pub(super) fn explanation(&self) -> Vec<String> {
        let description = self.schema["description"].as_str();
        let mut lines: Vec<_> = description.into_iter().map(str::to_owned).collect();
        for (index, choice) in self.choices().iter().enumerate() {
            let title = if choice.title == choice.value {
                String::new()
            } else {
                format!(" ({})", choice.title)
            };
            lines.push(format!("{}. {}{title}", index + 1, choice.value));
        }
        lines
    }

    /// Returns the name, what is expected, and the default: `Guests (integer, 1 to 9) [2]`.
    pub(super) fn prompt(&self) -> String {
        let name = self.schema["title"].as_str().unwrap_or(self.name);
        let mut hints = vec![self.kind()];
        hints.extend(self.bounds());
        if !self.is_required {
            hints.push("optional".to_owned());
        }
        let default = match &self.schema["default"] {
            Value::Null => String::new(),
            Value::String(text) => format!(" [{text}]"),
            value => format!(" [{value}]"),
        };
        format!("{name} ({}){default}", hints.join(", "))
    }

    fn kind(&self) -> String {
        match self.schema["type"].as_str() {
            Some("boolean") => "y or n".to_owned(),
            Some("array") => "numbers or values, separated by commas".to_owned(),
            _ if !self.choices().is_empty() => "a number or a value".to_owned(),
            Some("string") | None => self.schema["format"].as_str().unwrap_or("text").to_owned(),
            Some(kind) => kind.to_owned(),
        }
    }

    /// Returns the bounds of a number, or of the length of a text: `1 to 9`.
    fn bounds(&self) -> Option<String> {
        let (least, most, unit) = match self.schema["type"].as_str() {
            Some("string") => ("minLength", "maxLength", " letters"),
            Some("array") => ("minItems", "maxItems", " values"),
            _ => ("minimum", "maximum", ""),
        };
        match (&self.schema[least], &self.schema[most]) {
            (Value::Null, Value::Null) => None,
            (least, Value::Null) => Some(format!("at least {least}{unit}")),
            (Value::Null, most) => Some(format!("at most {most}{unit}")),
            (least, most) => Some(format!("{least} to {most}{unit}")),
        }
    }

    /// Returns the values to choose from. A list has those of its items.
    fn choices(&self) -> Vec<Choice<'_>> {
        let schema = match self.schema["type"].as_str() {
            Some("array") => &self.schema["items"],
            _ => self.schema,
        };
        let titled = ["oneOf", "anyOf"]
            .into_iter()
            .find_map(|member| schema[member].as_array());
        if let Some(titled) = titled {
            let choices = titled.iter().filter_map(|choice| {
                let value = choice["const"].as_str()?;
                let title = choice["title"].as_str().unwrap_or(value);
                Some(Choice { value, title })
            });
            return choices.collect();
        }
        let names = schema["enumNames"].as_array();
        let values = schema["enum"].as_array().into_iter().flatten();
        let choices = values.enumerate().filter_map(|(index, value)| {
            let value = value.as_str()?;
            let title = names.and_then(|names| names.get(index)?.as_str());
            Some(Choice {
                value,
                title: title.unwrap_or(value),
            })
        });
        choices.collect()
    }

    /// Parses an answer. Returns `None` if the field is left out.
    ///
    /// # Errors
    /// Returns an error, which says what is expected, if the answer is not valid.
    pub(super) fn parse(&self, text: &str) -> Result<Option<Value>, String> {
        if text.is_empty() {
            return match &self.schema["default"] {
                Value::Null if self.is_required => Err("An answer is required.".to_owned()),
                Value::Null => Ok(None),
                default => Ok(Some(default.clone())),
            };
        }
        let value = match self.schema["type"].as_str() {
            Some("boolean") => boolean(text)?,
            Some("integer") => {
                let number = text.parse::<i64>();
                json!(number.map_err(|_| "Write a whole number.".to_owned())?)
            }
            Some("number") => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                json!(number.ok_or_else(|| "Write a number.".to_owned())?)
            }
            Some("array") => {
                let parts = text.split(',').map(str::trim);
                let chosen = parts
                    .filter(|part| !part.is_empty())
                    .map(|part| self.chosen(part));
                Value::Array(chosen.collect::<Result<_, _>>()?)
            }
            _ => self.chosen(text)?,
        };
        self.check(&value)?;
        Ok(Some(value))
    }

    /// Returns the choice with this number or value. Without choices, any text is one.
    fn chosen(&self, text: &str) -> Result<Value, String> {
        let choices = self.choices();
        if choices.is_empty() || choices.iter().any(|choice| choice.value == text) {
            return Ok(text.into());
        }
        let number = text
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let chosen = number.and_then(|index| choices.get(index));
        let titled = || choices.iter().find(|choice| choice.title == text);
        match chosen.or_else(titled) {
            Some(choice) => Ok(choice.value.into()),
            None => Err(format!(
                "Write a number from 1 to {}, or a value.",
                choices.len()
            )),
        }
    }

    /// Returns an error if a value is outside of the bounds.
    fn check(&self, value: &Value) -> Result<(), String> {
        let (size, least, most) = match value {
            Value::String(text) => (count(text.chars().count()), "minLength", "maxLength"),
            Value::Array(items) => (count(items.len()), "minItems", "maxItems"),
            value => (value.as_f64(), "minimum", "maximum"),
        };
        let Some(size) = size else {
            return Ok(());
        };
        let is_small = self.schema[least]
            .as_f64()
            .is_some_and(|least| size < least);
        let is_large = self.schema[most].as_f64().is_some_and(|most| most < size);
        match self.bounds() {
            Some(bounds) if is_small || is_large => Err(format!("It must be {bounds}.")),
            _ => Ok(()),
        }
    }
}

fn count(count: usize) -> Option<f64> {
    u32::try_from(count).ok().map(f64::from)
}

fn boolean(text: &str) -> Result<Value, String> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "true" => Ok(true.into()),
        "n" | "no" | "false" => Ok(false.into()),
        _ => Err("Write `y` or `n`.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed_by_the_schema() {
        let titled = json!({ "type": "string", "oneOf": [{ "const": "a", "title": "Aisle" }, { "const": "w", "title": "Window" }] });
        let several = json!({ "type": "array", "items": { "type": "string", "enum": ["x", "y"] }, "maxItems": 2 });
        for (schema, text, value) in [
            (json!({ "type": "integer" }), "5", Ok(Some(json!(5)))),
            (
                json!({ "type": "integer" }),
                "5.5",
                Err("Write a whole number."),
            ),
            (json!({ "type": "number" }), "5.5", Ok(Some(json!(5.5)))),
            (json!({ "type": "number" }), "NaN", Err("Write a number.")),
            (
                json!({ "type": "number", "maximum": 5 }),
                "6",
                Err("It must be at most 5."),
            ),
            (json!({ "type": "boolean" }), "N", Ok(Some(json!(false)))),
            (
                json!({ "type": "boolean" }),
                "maybe",
                Err("Write `y` or `n`."),
            ),
            (
                json!({ "type": "string", "minLength": 3 }),
                "ab",
                Err("It must be at least 3 letters."),
            ),
            (json!({ "type": "string" }), "5", Ok(Some(json!("5")))),
            (titled.clone(), "2", Ok(Some(json!("w")))),
            (titled.clone(), "a", Ok(Some(json!("a")))),
            (titled.clone(), "Window", Ok(Some(json!("w")))),
            (titled, "3", Err("Write a number from 1 to 2, or a value.")),
            (several.clone(), "1, y", Ok(Some(json!(["x", "y"])))),
            (several, "1,1,1", Err("It must be at most 2 values.")),
            (
                json!({ "type": "string" }),
                "",
                Err("An answer is required."),
            ),
            (
                json!({ "type": "integer", "default": 7 }),
                "",
                Ok(Some(json!(7))),
            ),
        ] {
            let field = Field {
                name: "f",
                schema: &schema,
                is_required: true,
            };
            assert_eq!(
                field.parse(text),
                value.map_err(str::to_owned),
                "{schema} {text:?}"
            );
        }
        let schema = json!({ "type": "string" });
        let field = Field {
            name: "f",
            schema: &schema,
            is_required: false,
        };
        assert_eq!(field.parse(""), Ok(None));
    }
}
