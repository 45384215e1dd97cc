//! Schemas that the application wrote, instead of a type: the arguments and results of tools made at run time.

use serde_json::Value;

use super::budget::Budget;
use super::check::{Rules, are_numeric_keys};
use super::pattern::Patterns;
use super::validator::Validator;
use super::walk::change_parts;

/// A schema and the rules to check values against it.
#[derive(Debug)]
pub(crate) struct WholeSchema {
    /// The part of the schema that [`Rules`] check.
    schema: Value,
    patterns: Patterns,
    /// Checks the whole schema, with the feature `validate`.
    validator: Option<Validator>,
}

impl WholeSchema {
    /// Prepares a schema.
    ///
    /// # Errors
    /// Returns the mistakes of a schema that is invalid.
    pub(crate) fn new(schema: &Value) -> Result<Self, Vec<String>> {
        let mut patterns = Patterns::default();
        patterns.add(schema)?;
        let validator = Validator::of_whole(schema).map_err(|error| vec![error])?;
        let mut schema = schema.clone();
        remove_unchecked(&mut schema);
        Ok(Self {
            schema,
            patterns,
            validator,
        })
    }

    /// Returns the mistakes of a value, which is never repaired. `path` is the path of the value in the messages.
    pub(crate) fn mistakes(&self, value: &Value, path: &str, budget: &Budget) -> Vec<String> {
        if let Some(validator) = &self.validator {
            return validator.mistakes(value, path);
        }
        let definitions = self.schema.get("$defs");
        let rules = Rules::new(definitions, &self.patterns, true, budget).exact();
        rules.mistakes(value, &self.schema, path)
    }
}

/// Removes the keywords of objects that `check` enforces only for the schemas of types: patterns of names other than those of
/// numeric keys, and the rule for all other names, which depends on them.
fn remove_unchecked(schema: &mut Value) {
    let Some(rules) = schema.as_object_mut() else {
        return;
    };
    let has_patterns = rules
        .get("patternProperties")
        .is_some_and(|patterns| !are_numeric_keys(patterns));
    if has_patterns {
        rules.remove("patternProperties");
        rules.remove("additionalProperties");
    }
    change_parts(rules, |_, _, part| remove_unchecked(part));
}
