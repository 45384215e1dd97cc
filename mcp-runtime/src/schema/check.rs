//! Checks values against their schemas, and reports each mistake with its path.
//!
//! The supported subset of JSON Schema is the one that types produce. `format` is left to the types, which are more
//! precise, and so is `pattern` without the feature of that name.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt::Display;

use mcp_grammar::near::nearest;
use serde_json::{Map, Value};

use super::budget::Budget;
use super::pattern::Patterns;
use super::words::{got, in_words, in_words_with_all_bounds, strings};
use crate::json_path::Path;

/// The maximum number of mistakes that are reported: a model that makes this many has misunderstood the whole.
const MAX_MISTAKES: usize = 20;

/// The maximum number of references that lead to each other. They may form a circle.
const MAX_REFERENCES: usize = 16;

/// The context for checking values: definitions, patterns and budget.
pub(crate) struct Rules<'s> {
    definitions: Option<&'s Map<String, Value>>,
    patterns: &'s Patterns,
    /// `true` if only what the schema allows is accepted, and nothing is repaired.
    pub(super) strict: bool,
    /// `true` if `null` for an optional member is the same as no member.
    pub(super) omits_null: bool,
    pub(super) budget: &'s Budget,
    /// The number of visited parts of values.
    pub(super) visits: Cell<usize>,
    /// The number of schemas around the one that is checked.
    pub(super) depth: Cell<usize>,
}

/// A mismatch of a value itself, regardless of its parts.
pub(super) enum Mismatch {
    /// Another type, or a value that is not among the listed ones.
    Kind,
    /// A number out of bounds.
    Bounds,
    /// A text that is too short, too long, or does not match the pattern.
    Text,
}

impl Mismatch {
    pub(super) fn message(&self, path: &Path<'_>, schema: &Value, value: &Value) -> String {
        match self {
            Self::Bounds => {
                let expected = in_words_with_all_bounds(schema);
                format!("`{path}`: expected {expected}, got {value}")
            }
            Self::Kind | Self::Text => mismatch_message(path, schema, value),
        }
    }
}

/// The first mistakes, and the number of those beyond the limit.
#[derive(Default)]
pub(crate) struct Mistakes {
    messages: Vec<String>,
    omitted: usize,
}

impl Mistakes {
    pub(crate) fn note(&mut self, mistake: impl FnOnce() -> String) {
        if self.messages.len() < MAX_MISTAKES {
            self.messages.push(mistake());
        } else {
            self.omitted += 1;
        }
    }

    pub(crate) fn told(mut self) -> Vec<String> {
        if self.omitted > 0 {
            self.messages.push(format!("and {} more", self.omitted));
        }
        self.messages
    }
}

/// Returns the message for a value that does not fit its schema, with the nearest listed value if there is one.
pub(super) fn mismatch_message(path: &Path<'_>, schema: &Value, value: &Value) -> String {
    let known = value.as_str().zip(strings_of(schema));
    let near = known.and_then(|(text, known)| {
        let near = nearest(known.iter().map(String::as_str), text)?;
        Some(format!("; did you mean {near:?}?"))
    });
    let (expected, near) = (in_words(schema), near.unwrap_or_default());
    format!("`{path}`: expected {expected}, got {}{near}", got(value))
}

/// Returns the message for a missing value.
pub(crate) fn missing(path: &dyn Display, expected: &str) -> String {
    format!("`{path}` is missing; expected {expected}")
}

impl<'s> Rules<'s> {
    /// Creates rules with the definitions for references, and the budget for checking values.
    pub(crate) fn new(
        definitions: Option<&'s Value>,
        patterns: &'s Patterns,
        strict: bool,
        budget: &'s Budget,
    ) -> Self {
        Self {
            definitions: definitions.and_then(Value::as_object),
            patterns,
            strict,
            omits_null: true,
            budget,
            visits: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    /// Returns the same rules, which accept exactly the values that the schema allows.
    pub(super) fn exact(mut self) -> Self {
        self.omits_null = false;
        self
    }

    /// Returns the schema that a reference leads to, also through other references, or the schema itself if it is not a
    /// reference.
    pub(super) fn resolve<'v>(&self, mut schema: &'v Value) -> &'v Value
    where
        's: 'v,
    {
        for _ in 0..MAX_REFERENCES {
            match self.target(schema) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn target(&self, schema: &Value) -> Option<&'s Value> {
        let target = keyword(schema, "$ref")?.as_str()?;
        let name = target.strip_prefix("#/$defs/")?;
        self.definitions?.get(unescaped(name).as_ref())
    }

    /// Returns the mismatch of a value itself.
    pub(super) fn mismatch(&self, value: &Value, schema: &Value) -> Option<Mismatch> {
        let mut rules = schema.as_object().into_iter().flatten();
        let is_kind = rules.all(|(keyword, rule)| match (keyword.as_str(), rule) {
            ("enum", Value::Array(options)) => {
                self.budget.spend(options.len() / 16)
                    && options.iter().any(|option| are_equal(option, value))
            }
            ("const", only) => are_equal(only, value),
            ("type", wanted) => has_type(value, Some(wanted)),
            _ => true,
        });
        match value {
            _ if !is_kind => Some(Mismatch::Kind),
            Value::Number(_) if !is_within(value, schema) => Some(Mismatch::Bounds),
            Value::String(text) if !self.is_text(text, schema) => Some(Mismatch::Text),
            _ => None,
        }
    }

    fn is_text(&self, text: &str, schema: &Value) -> bool {
        let mut rules = schema.as_object().into_iter().flatten();
        rules.all(|(keyword, rule)| match (keyword.as_str(), rule) {
            ("minLength" | "maxLength", _) => {
                self.budget.spend_on(text);
                is_count_allowed(text.chars().count(), schema, "minLength", "maxLength")
            }
            // A pattern examines each character and tracks all alternatives.
            ("pattern", Value::String(pattern)) => {
                self.budget.spend(text.len()) && self.patterns.matches(pattern, text)
            }
            _ => true,
        })
    }
}

/// Unescapes a name in a reference, in which `~` and `/` are escaped.
fn unescaped(name: &str) -> Cow<'_, str> {
    if name.contains('~') {
        name.replace("~1", "/").replace("~0", "~").into()
    } else {
        name.into()
    }
}

/// Returns the message for a member that the schema does not define.
pub(super) fn unknown<'k>(
    path: &Path<'_>,
    known: impl Iterator<Item = &'k str> + Clone,
    name: &str,
) -> String {
    if let Some(near) = nearest(known.clone(), name) {
        return format!("unknown field `{path}`; did you mean `{near}`?");
    }
    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        format!("unknown field `{path}`")
    } else {
        format!("unknown field `{path}`; known: `{}`", known.join("`, `"))
    }
}

/// Returns the texts that a schema lists, even if it also accepts other values.
fn strings_of(schema: &Value) -> Option<Vec<String>> {
    if let Some(all) = strings(schema) {
        return Some(all);
    }
    let options = schema
        .get("enum")
        .or_else(|| schema.get("oneOf"))
        .or_else(|| schema.get("anyOf"))?;
    let known = options.as_array()?.iter().flat_map(|option| match option {
        Value::String(text) => vec![text.clone()],
        option => strings(option).unwrap_or_default(),
    });
    Some(known.collect())
}

/// Returns the names of the members that an object must have.
pub(crate) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// Returns a keyword of a schema. A schema has few, so a scan is faster than a hash lookup.
pub(super) fn keyword<'v>(schema: &'v Value, name: &str) -> Option<&'v Value> {
    let mut rules = schema.as_object()?.iter();
    rules
        .find(|(keyword, _)| *keyword == name)
        .map(|(_, rule)| rule)
}

/// Returns the schema of an item of an array.
pub(super) fn item_schema(schema: &Value, index: usize) -> Option<&Value> {
    let first = keyword(schema, "prefixItems").and_then(Value::as_array);
    first
        .and_then(|first| first.get(index))
        .or_else(|| keyword(schema, "items"))
}

/// The patterns of keys that are numbers, as the types with such keys write them.
pub(super) const UNSIGNED_KEYS: &str = r"^\d+$";
pub(super) const SIGNED_KEYS: &str = r"^-?\d+$";

/// Returns `true` if all patterns of names are those of numeric keys.
pub(super) fn are_numeric_keys(patterns: &Value) -> bool {
    patterns.as_object().is_some_and(|named| {
        let mut names = named.keys();
        names.all(|name| [UNSIGNED_KEYS, SIGNED_KEYS].contains(&name.as_str()))
    })
}

/// The schemas of an object's members.
pub(super) struct Members<'r> {
    pub(super) own: Option<&'r Map<String, Value>>,
    /// The pattern of keys. Our own patterns are those of numbers: the type checks the range.
    pattern: Option<(&'r String, &'r Value)>,
    others: Option<&'r Value>,
}

impl<'r> Members<'r> {
    pub(super) fn of(schema: &'r Value) -> Self {
        let named = |keyword| schema.get(keyword).and_then(Value::as_object);
        Self {
            own: named("properties"),
            pattern: named("patternProperties").and_then(|patterns| patterns.iter().next()),
            others: schema.get("additionalProperties"),
        }
    }

    /// Returns the schema of a member; `false` if the member is not allowed.
    pub(super) fn schema(&self, name: &str) -> Option<&'r Value> {
        let own = self.own.and_then(|own| own.get(name));
        let matching = self.pattern.map(|(_, schema)| schema);
        own.or(matching).or(self.others)
    }

    /// Returns the expected kind of number if a key is not one. The keys of our maps are texts or numbers.
    pub(super) fn wrong_key(&self, name: &str) -> Option<&'static str> {
        let (pattern, _) = self.pattern?;
        let (expected, digits) = match pattern.as_str() {
            UNSIGNED_KEYS => ("a whole number, not below 0", name),
            SIGNED_KEYS => ("a whole number", name.strip_prefix('-').unwrap_or(name)),
            _ => return None,
        };
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'))
            && !digits.is_empty();
        let is_own = self.own.is_some_and(|own| own.contains_key(name));
        (!is_number && !is_own).then_some(expected)
    }
}

/// Returns `true` if a member is `null`, optional, and not nullable: schemas do not offer `null` for optional members, but
/// clients send it.
pub(super) fn is_omittable_null(schema: &Value, name: &str, value: &Value) -> bool {
    value.is_null()
        && schema
            .get("properties")
            .and_then(|own| own.get(name))
            .is_some_and(|schema| !takes_null(schema))
        && !required(schema).any(|required| required == name)
}

/// Returns `true` if a schema offers null.
fn takes_null(schema: &Value) -> bool {
    let branches = ["anyOf", "oneOf"].map(|keyword| schema.get(keyword)?.as_array());
    let mut branches = branches.into_iter().flatten().flatten();
    wants(schema.get("type"), "null") || branches.any(takes_null)
}

/// Returns `true` if two values are equal. Numbers are compared by value, also inside of lists and objects: 1 equals 1.0.
fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            let mut pairs = ones.iter().zip(others);
            ones.len() == others.len() && pairs.all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            let is_in_others =
                |(name, one): (&String, _)| others.get(name).is_some_and(|it| are_equal(one, it));
            ones.len() == others.len() && ones.iter().all(is_in_others)
        }
        _ => one == other || compare(one, other) == Some(Ordering::Equal),
    }
}

/// Returns `true` if this type is among those that a schema names.
pub(crate) fn wants(wanted: Option<&Value>, name: &str) -> bool {
    match wanted {
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}

/// Returns `true` if a value has the type, or one of several. A number without a fraction is an integer in any
/// notation.
pub(super) fn has_type(value: &Value, wanted: Option<&Value>) -> bool {
    match wanted {
        Some(Value::String(name)) => is_a(value, name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .any(|name| is_a(value, name)),
        _ => true,
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => {
            let is_whole =
                || !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0);
            name == "number" || (name == "integer" && is_whole())
        }
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

fn is_within(value: &Value, schema: &Value) -> bool {
    let order = |bound| compare(value, bound);
    let mut rules = schema.as_object().into_iter().flatten();
    rules.all(|(keyword, bound)| match keyword.as_str() {
        "minimum" => order(bound).is_none_or(Ordering::is_ge),
        "maximum" => order(bound).is_none_or(Ordering::is_le),
        "exclusiveMinimum" => order(bound).is_none_or(Ordering::is_gt),
        "exclusiveMaximum" => order(bound).is_none_or(Ordering::is_lt),
        "not" => bound
            .get("const")
            .is_none_or(|not| order(not) != Some(Ordering::Equal)),
        _ => true,
    })
}

/// Compares numbers; integers are compared exactly.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    let integer = |value: &Value| {
        value
            .as_i64()
            .map(i128::from)
            .or_else(|| value.as_u64().map(i128::from))
    };
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

pub(super) fn is_count_allowed(count: usize, schema: &Value, least: &str, most: &str) -> bool {
    let count = count as u64;
    let mut rules = schema.as_object().into_iter().flatten();
    rules.all(|(keyword, bound)| match bound.as_u64() {
        Some(bound) if keyword == least => count >= bound,
        Some(bound) if keyword == most => count <= bound,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn choices_within_choices_are_not_tried_for_ever() {
        let branch = json!({ "type": "object", "properties": { "in": { "$ref": "#/$defs/Deep" } }, "required": ["in"] });
        let definitions = json!({ "Deep": { "anyOf": [branch, branch, { "type": "integer" }, { "type": "null" }] } });
        let schema = json!({ "$ref": "#/$defs/Deep" });
        let deep = |end: Value| (0..60).fold(end, |inner, _| json!({ "in": inner }));
        for (mut value, fits) in [(deep(json!(1)), true), (deep(json!("x")), false)] {
            let (patterns, budget) = (Patterns::default(), Budget::default());
            let rules = Rules::new(Some(&definitions), &patterns, false, &budget);
            assert_eq!(rules.repair(&mut value, &schema), fits);
            let mistakes = rules.mistakes(&value, &schema, "v");
            assert_eq!(mistakes.is_empty(), fits, "{mistakes:?}");
            assert_eq!(budget.is_spent(), !fits);
        }
    }

    #[test]
    fn a_name_within_a_definition_may_need_an_escape() {
        let definitions = json!({ "a/b~c": { "type": "null" } });
        let (patterns, budget) = (Patterns::default(), Budget::default());
        let rules = Rules::new(Some(&definitions), &patterns, false, &budget);
        let schema = json!({ "$ref": "#/$defs/a~1b~0c" });
        assert!(rules.fits(&Value::Null, &schema));
        assert!(!rules.fits(&json!(1), &schema));
    }
}
