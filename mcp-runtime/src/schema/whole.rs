//! Schemas that the application wrote, instead of a type: the arguments and results of tools made at run time.

use mcp_grammar::number::whole;
use mcp_grammar::percent;
use serde_json::{Map, Value, json};

use super::budget::Budget;
use super::check::{Rules, are_numeric_keys};
use super::pattern::Patterns;
use super::validator::Validator;
use super::walk::{change_parts, references, walk};

/// The keywords beside `$ref` that constrain nothing.
const BESIDE_REFERENCE: [&str; 9] = [
    "$comment",
    "$defs",
    "$ref",
    "default",
    "deprecated",
    "description",
    "examples",
    "title",
    "$schema",
];

/// The keywords whose values are counts.
const COUNTS: [&str; 6] = [
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "minProperties",
];

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
        define_targets(&mut schema);
        simplify(&mut schema);
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

/// Moves the targets of all references within a schema to its definitions, the only place that `check` looks at. A schema
/// with an identifier inside changes the meaning of references, and stays as it is.
fn define_targets(schema: &mut Value) {
    let mut has_id = false;
    walk(schema, "", &mut |rules, _| {
        has_id |= rules.contains_key("$id");
    });
    let mut targets: Vec<String> = references(schema).into_iter().map(str::to_owned).collect();
    targets.sort();
    targets.dedup();
    targets
        .retain(|target| pointer(target).is_some_and(|pointer| schema.pointer(&pointer).is_some()));
    if has_id || targets.is_empty() {
        return;
    }
    redirect(schema, &targets);
    let definitions: Map<String, Value> = targets
        .into_iter()
        .filter_map(|target| Some((target.clone(), schema.pointer(&pointer(&target)?)?.clone())))
        .collect();
    schema["$defs"] = definitions.into();
}

/// Returns the JSON Pointer of a reference within the schema.
fn pointer(target: &str) -> Option<String> {
    let pointer = percent::decode(target.strip_prefix('#')?)?;
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}

/// Changes the references to these targets into references to the definitions with the same names.
fn redirect(schema: &mut Value, targets: &[String]) {
    let Some(rules) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::String(target)) = rules.get_mut("$ref")
        && targets.contains(target)
    {
        let name = target.replace('~', "~0").replace('/', "~1");
        *target = format!("#/$defs/{name}");
    }
    change_parts(rules, |_, _, part| redirect(part, targets));
}

/// Brings a schema into the form that `check` expects:
///
/// - The keywords of objects that `check` enforces only for the schemas of types are removed: patterns of names other than
///   those of numeric keys, and the rule for all other names, which depends on them.
/// - A reference beside other constraints becomes a member of `allOf`.
/// - Counts are written without a fraction.
fn simplify(schema: &mut Value) {
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
    if rules
        .keys()
        .any(|keyword| !BESIDE_REFERENCE.contains(&keyword.as_str()))
        && let Some(target) = rules.shift_remove("$ref")
        && let Some(all) = rules
            .entry("allOf")
            .or_insert_with(|| json!([]))
            .as_array_mut()
    {
        all.push(json!({ "$ref": target }));
    }
    for keyword in COUNTS {
        if let Some(count) = rules.get_mut(keyword)
            && let Some(whole) = count.as_f64().and_then(whole)
        {
            *count = whole.into();
        }
    }
    change_parts(rules, |_, _, part| simplify(part));
}
