//! JSON Schema for clients: generated without noise, checked, and described in words.
//!
//! Dialect: JSON Schema 2020-12, see <https://json-schema.org/draft/2020-12>. The table `tests/schemas/beyond.md` lists
//! which values are accepted beyond a schema, and which are not.

mod budget;
mod check;
mod choice;
mod dialect;
mod locate;
mod nullable;
mod pattern;
mod published;
mod repair;
mod repeats;
mod shape;
mod tidy;
#[cfg(any(feature = "cli", feature = "validate"))]
mod unknown;
mod validator;
mod variants;
mod walk;
mod whole;
mod words;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::Value;

use crate::opaque::opaque_debug;

pub(crate) use budget::Budget;
pub(crate) use check::{Mistakes, Rules, compare, missing, required, wants};
pub use dialect::SchemaDialect;
pub(crate) use dialect::{Converted, Dialect, Restored};
#[cfg(feature = "cli")]
pub(crate) use dialect::{OPENAI_FORMATS, OPENAI_LEVELS};
pub(crate) use locate::{Location, locate};
pub use nullable::nullable;
pub(crate) use pattern::Patterns;
pub(crate) use published::publish;
pub(crate) use repeats::read;
pub(crate) use shape::shape;
pub(crate) use tidy::without_null;
#[cfg(feature = "cli")]
pub(crate) use unknown::unenforced;
pub(crate) use validator::Validator;
pub(crate) use variants::gather_variants;
#[cfg(feature = "cli")]
pub(crate) use walk::walk;
pub(crate) use walk::{parts, references};
pub(crate) use whole::WholeSchema;
pub(crate) use words::{got, in_words, reason, shown, texts, wanted_by_type};

/// A generator for the schemas of one component.
pub struct Schemas {
    generator: SchemaGenerator,
    shape: Shape,
}

opaque_debug!(Schemas);

/// The direction of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The input of `Deserialize`. With `open`, structs accept unknown members.
    Input { open: bool },
    /// The output of `Serialize`.
    Output,
}

/// The schema of a type.
pub(crate) struct TypeSchema {
    pub(crate) schema: Value,
    /// `true` if the type itself refuses everything that the schema forbids, so that no other check is needed.
    pub(crate) exact: bool,
}

impl Schemas {
    /// Returns a generator for input schemas.
    pub(crate) fn of_input(open: bool) -> Self {
        Self {
            generator: settings().for_deserialize().into_generator(),
            shape: Shape::Input { open },
        }
    }

    /// Returns a generator for output schemas.
    pub(crate) fn of_output() -> Self {
        Self {
            generator: settings().for_serialize().into_generator(),
            shape: Shape::Output,
        }
    }

    /// Returns the tidied schema of a type. Enum variants are not merged yet: see [`gather_variants`].
    pub(crate) fn of<T: JsonSchema + ?Sized>(&mut self) -> TypeSchema {
        let mut schema = self.generator.subschema_for::<T>().to_value();
        let exact = is_exact(&schema);
        self.shape.apply(&mut schema);
        TypeSchema { schema, exact }
    }

    /// Returns the definitions that recursive types refer to.
    pub(crate) fn definitions(&mut self) -> Option<Value> {
        let mut definitions = self.generator.take_definitions(true);
        definitions.sort_keys();
        for schema in definitions.values_mut() {
            self.shape.apply(schema);
            gather_variants(schema);
        }
        (!definitions.is_empty()).then_some(definitions.into())
    }
}

impl Shape {
    fn apply(self, schema: &mut Value) {
        tidy::expand_true(schema);
        tidy::tidy(schema);
        if self != Self::Output {
            tidy::without_optional_nulls(schema);
        }
        tidy::remove_marks(schema);
        if self == (Self::Input { open: false }) {
            tidy::close(schema);
        }
    }
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    })
}

/// Returns `true` if serde refuses everything that a schema forbids: this holds for numbers and texts without further
/// constraints, and lists of them. It expects the original schemas, in which formats still name the number types.
fn is_exact(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return false;
    };
    let format = schema
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (least, most) = tidy::bounds(format).unzip();
    schema
        .iter()
        .all(|(keyword, value)| match keyword.as_str() {
            "type" => *value != "object",
            // A number that is too large for `f32` becomes an infinity.
            "format" => format != "float",
            "minimum" if format == "uint128" => *value == 0,
            "minimum" => least.as_ref() == Some(value),
            "maximum" => most.as_ref() == Some(value),
            "items" => is_exact(value),
            "title" | "description" | "default" | "examples" => true,
            _ => false,
        })
        && schema.contains_key("type")
}

/// Returns `true` if every value of a schema is an object.
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

/// Returns `true` if a text can be the value of this schema itself, as variables of URIs and most arguments of prompts are.
/// No text is null.
pub(crate) fn is_textual(schema: &Value) -> bool {
    let scalar = |name: &Value| {
        ["string", "integer", "number", "boolean"]
            .iter()
            .any(|scalar| name == scalar)
    };
    match schema.get("type") {
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter(|name| *name != "null").peekable();
            names.peek().is_some() && names.all(scalar)
        }
        Some(name) => scalar(name),
        None => texts(schema).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn input<T: JsonSchema>() -> TypeSchema {
        Schemas::of_input(false).of::<T>()
    }

    fn repaired(value: &Value, schema: &Value, strict: bool) -> Value {
        let mut value = value.clone();
        Rules::new(None, &Patterns::default(), strict, &Budget::default())
            .repair(&mut value, schema);
        value
    }

    #[test]
    fn repairs_only_what_the_schema_asks_for() {
        let schema = json!({
            "type": "object",
            "properties": {
                "count": { "type": "integer" },
                "name": { "type": "string" },
                "deep": { "type": "boolean" },
                "tags": { "type": "array", "items": { "type": "integer" } },
                "set": { "type": "array", "uniqueItems": true },
                "choice": { "oneOf": [{ "type": "null" }, { "type": "object", "properties": { "n": { "type": "number" } } }] },
                "either": { "anyOf": [{ "type": "integer" }, { "type": "boolean" }, { "type": "string" }] },
            },
            "additionalProperties": { "type": "boolean" },
        });
        let wrong = json!({
            "count": "5", "name": "5", "deep": "true", "tags": "[\"1\", 2.0]", "set": [1, "1", 1],
            "choice": { "n": "1.5" }, "either": "5", "other": "false",
        });
        let right = json!({
            "count": 5, "name": "5", "deep": true, "tags": [1, 2], "set": [1, "1"],
            "choice": { "n": 1.5 }, "either": "5", "other": false,
        });
        assert_eq!(repaired(&wrong, &schema, false), right);
        assert_eq!(repaired(&wrong, &schema, true), wrong);
        let doubtful = json!({ "count": "5.5", "deep": "yes", "tags": "{}" });
        assert_eq!(repaired(&doubtful, &schema, false), doubtful);
        let whole = json!({ "count": 3e1, "tags": [-0.0] });
        assert_eq!(
            repaired(&whole, &schema, true),
            json!({ "count": 30, "tags": [0] })
        );
    }

    #[test]
    fn numbers_get_bounds_for_the_name_of_their_type() {
        assert_eq!(input::<f64>().schema, json!({ "type": "number" }));
        assert_eq!(
            input::<u8>().schema,
            json!({ "type": "integer", "minimum": 0, "maximum": 255 })
        );
        assert_eq!(
            input::<i64>().schema,
            json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX })
        );
    }

    #[test]
    fn what_may_be_left_out_does_not_offer_null() {
        let mut schema = input::<Option<u8>>().schema;
        without_null(&mut schema);
        assert_eq!(
            schema,
            json!({ "type": "integer", "minimum": 0, "maximum": 255 })
        );
    }

    #[test]
    fn only_types_that_refuse_what_their_schema_forbids_are_not_looked_at() {
        #[derive(JsonSchema)]
        #[allow(dead_code)] // only its schema is used
        struct Stars(#[schemars(range(min = 0, max = 255))] i32);

        assert!(input::<u8>().exact && input::<u128>().exact && input::<Option<i64>>().exact);
        assert!(input::<Vec<f64>>().exact && input::<&str>().exact && input::<bool>().exact);
        assert!(!input::<f32>().exact && !input::<Stars>().exact && !input::<BTreeSet<u8>>().exact);
        assert!(!input::<Value>().exact && !input::<[u8; 2]>().exact && !input::<Vec<f32>>().exact);
    }
}
