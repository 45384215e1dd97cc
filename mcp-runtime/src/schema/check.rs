//! What is wrong with a value: everything that its schema says and it does not keep, each with its place.
//!
//! The subset of JSON Schema is the one that types have. `format` is left to the types, which know better, and so is `pattern`
//! without the feature of that name.

mod choice;

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::near::nearest;
use super::pattern::Patterns;
use super::words::{got, in_words, in_words_with_all_bounds, strings};
use crate::json_path;

/// How many mistakes are told: a model that gets so many has misunderstood the whole.
const TOLD: usize = 20;

/// How often each byte of a value may be looked at. Choices within choices could be tried for ever.
const LOOKS: usize = 64;

/// Reads schemas that may refer to definitions.
pub(crate) struct Rules<'s> {
    definitions: Option<&'s Map<String, Value>>,
    patterns: Option<&'s Patterns>,
    /// Whether only what the schema allows is taken, and nothing is repaired.
    pub(super) strict: bool,
    steps: Cell<usize>,
}

/// The mistakes found so far, and the place that is looked at.
struct Found {
    path: String,
    mistakes: Vec<String>,
    /// How many more there are than are told.
    untold: usize,
}

impl Found {
    fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            mistakes: Vec::new(),
            untold: 0,
        }
    }

    fn note(&mut self, mistake: impl FnOnce(&str) -> String) {
        if self.mistakes.len() < TOLD {
            self.mistakes.push(mistake(&self.path));
        } else {
            self.untold += 1;
        }
    }

    fn within(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        look(self);
        self.path.truncate(length);
    }

    fn told(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.mistakes.push(format!("and {} more", self.untold));
        }
        self.mistakes
    }
}

/// A value that is not what was expected.
fn unlike(path: &str, expected: &str, value: &Value) -> String {
    format!("`{path}`: expected {expected}, got {}", got(value))
}

/// A value that is missing.
pub(crate) fn missing(path: &str, expected: &str) -> String {
    format!("`{path}` is missing; expected {expected}")
}

/// " did you mean `x`?", where something is near.
fn meant<'k>(known: impl IntoIterator<Item = &'k str>, name: &str) -> Option<String> {
    nearest(known, name).map(|near| format!("; did you mean {near:?}?"))
}

impl<'s> Rules<'s> {
    /// For a value whose text has this many bytes.
    pub(crate) fn new(definitions: Option<&'s Value>, strict: bool, size: usize) -> Self {
        Self {
            definitions: definitions.and_then(Value::as_object),
            patterns: None,
            strict,
            steps: Cell::new((size + 16).saturating_mul(LOOKS)),
        }
    }

    /// Looks at patterns too.
    pub(crate) fn with_patterns(self, patterns: &'s Patterns) -> Self {
        Self {
            patterns: Some(patterns),
            ..self
        }
    }

    /// All that is wrong with a value, which `path` leads to.
    pub(crate) fn mistakes(&self, value: &Value, schema: &Value, path: &str) -> Vec<String> {
        let mut found = Found::at(path);
        self.check(value, schema, &mut found);
        found.told()
    }

    /// Whether nothing is wrong with a value.
    pub(super) fn fits(&self, value: &Value, schema: &Value) -> bool {
        let mut found = Found::at("");
        self.check(value, schema, &mut found);
        found.mistakes.is_empty()
    }

    /// Counts a step, and tells whether there may be another.
    pub(super) fn step(&self) -> bool {
        self.steps.set(self.steps.get().saturating_sub(1));
        self.steps.get() > 0
    }

    /// The schema that a reference leads to, or else the schema itself.
    pub(super) fn resolve<'v>(&self, schema: &'v Value) -> &'v Value
    where
        's: 'v,
    {
        schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|target| target.strip_prefix("#/$defs/"))
            .map(|name| name.replace("~1", "/").replace("~0", "~"))
            .and_then(|name| self.definitions?.get(&name))
            .unwrap_or(schema)
    }

    fn check(&self, value: &Value, schema: &Value, found: &mut Found) {
        let schema = self.resolve(schema);
        let Some(rules) = schema.as_object() else {
            return;
        };
        if !self.step() {
            found.note(|path| format!("`{path}` is too intricate to be checked"));
            return;
        }
        let options = rules.get("enum").and_then(Value::as_array);
        let is_option = options.is_none_or(|options| options.contains(value))
            && rules.get("const").is_none_or(|only| only == value);
        if !is_option || !has_type(value, rules.get("type")) {
            found.note(|path| {
                let near = value.as_str().zip(strings_of(schema));
                let near =
                    near.and_then(|(text, known)| meant(known.iter().map(String::as_str), text));
                unlike(path, &in_words(schema), value) + &near.unwrap_or_default()
            });
            return;
        }
        match value {
            Value::Number(_) if !is_within(value, rules) => {
                found.note(|path| unlike(path, &in_words_with_all_bounds(schema), value));
            }
            Value::String(text)
                if !is_counted(text.chars().count(), rules, "minLength", "maxLength")
                    || !self.matches(text, rules) =>
            {
                found.note(|path| unlike(path, &in_words(schema), value));
            }
            Value::Array(items) => self.check_items(value, items, schema, rules, found),
            Value::Object(members) => self.check_members(members, schema, rules, found),
            _ => {}
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = rules.get(keyword) {
                self.check_choice(value, branches, schema, found);
            }
        }
        if let Some(Value::Array(all)) = rules.get("allOf") {
            for schema in all {
                self.check(value, schema, found);
            }
        }
    }

    fn matches(&self, text: &str, rules: &Map<String, Value>) -> bool {
        let pattern = rules.get("pattern").and_then(Value::as_str);
        pattern
            .zip(self.patterns)
            .is_none_or(|(pattern, patterns)| patterns.matches(pattern, text))
    }

    fn check_items(
        &self,
        value: &Value,
        items: &[Value],
        schema: &Value,
        rules: &Map<String, Value>,
        found: &mut Found,
    ) {
        if !is_counted(items.len(), rules, "minItems", "maxItems") {
            found.note(|path| unlike(path, &in_words(schema), value));
        }
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = item_schema(rules, index) {
                found.within(&json_path::item(index), |found| {
                    self.check(item, schema, found);
                });
            }
        }
        if rules.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen: HashMap<&Value, usize> = HashMap::new();
            for (index, item) in items.iter().enumerate() {
                let first = *seen.entry(item).or_insert(index);
                if first != index {
                    let step = json_path::item(index);
                    found.note(|path| {
                        format!(
                            "`{path}{step}` is the same as `{path}{}`, and no item may come again",
                            json_path::item(first)
                        )
                    });
                }
            }
        }
    }

    fn check_members(
        &self,
        members: &Map<String, Value>,
        schema: &Value,
        rules: &Map<String, Value>,
        found: &mut Found,
    ) {
        if !is_counted(members.len(), rules, "minProperties", "maxProperties") {
            let (expected, count) = (in_words(schema), members.len());
            found.note(|path| format!("`{path}`: expected {expected}, got {count} members"));
        }
        let own = rules.get("properties").and_then(Value::as_object);
        for name in required(rules) {
            if !members.contains_key(name) {
                let expected = own.and_then(|own| own.get(name));
                let expected = expected.map_or_else(
                    || "a value".to_owned(),
                    |schema| in_words(self.resolve(schema)),
                );
                found.within(&json_path::member(name), |found| {
                    found.note(|path| missing(path, &expected));
                });
            }
        }
        for (name, value) in members {
            if stands_for_nothing(rules, name, value) {
                continue;
            }
            if let Some(expected) = wrong_key(rules, name) {
                found.within(&json_path::member(name), |found| {
                    found.note(|path| format!("`{path}`: expected a key that is {expected}"));
                });
                continue;
            }
            match member_schema(rules, name) {
                Some(Value::Bool(false)) => {
                    let known = own.into_iter().flat_map(Map::keys).map(String::as_str);
                    let known = known.filter(|name| !members.contains_key(*name));
                    found.within(&json_path::member(name), |found| {
                        found.note(|path| unknown(path, known, name));
                    });
                }
                Some(schema) => found.within(&json_path::member(name), |found| {
                    self.check(value, schema, found);
                }),
                None => {}
            }
        }
    }
}

/// What is said of a member that nobody asked for.
fn unknown<'k>(path: &str, known: impl Iterator<Item = &'k str> + Clone, name: &str) -> String {
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

/// The texts that a schema knows, even where it takes other things as well.
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

fn required(rules: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let names = rules.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// The schema of an item of an array.
pub(super) fn item_schema(rules: &Map<String, Value>, index: usize) -> Option<&Value> {
    let first = rules.get("prefixItems").and_then(Value::as_array);
    first
        .and_then(|first| first.get(index))
        .or_else(|| rules.get("items"))
}

/// The schema of a member of an object; `false` if there must be none.
pub(super) fn member_schema<'r>(rules: &'r Map<String, Value>, name: &str) -> Option<&'r Value> {
    let named = rules.get("properties").and_then(|own| own.get(name));
    // The patterns of our schemas are those of keys that are numbers: which number fits is left to the type.
    let patterns = rules.get("patternProperties").and_then(Value::as_object);
    let matching = patterns.and_then(|patterns| patterns.values().next());
    named
        .or(matching)
        .or_else(|| rules.get("additionalProperties"))
}

/// The patterns of keys that are numbers, as the types with such keys have them.
pub(super) const UNSIGNED_KEYS: &str = r"^\d+$";
pub(super) const SIGNED_KEYS: &str = r"^-?\d+$";

/// What kind of number a key should have been: keys of our maps are texts, or else numbers.
fn wrong_key(rules: &Map<String, Value>, name: &str) -> Option<&'static str> {
    let named = rules.get("properties").and_then(|own| own.get(name));
    let patterns = rules.get("patternProperties").and_then(Value::as_object);
    let pattern = patterns.and_then(|patterns| patterns.keys().next());
    let (expected, digits) = match pattern.map(String::as_str) {
        _ if named.is_some() => return None,
        Some(UNSIGNED_KEYS) => ("a whole number, not below 0", name),
        Some(SIGNED_KEYS) => ("a whole number", name.strip_prefix('-').unwrap_or(name)),
        _ => return None,
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'))
        && !digits.is_empty();
    (!is_number).then_some(expected)
}

/// Whether a member is null and may as well be left out: schemas do not offer null for what is optional, and clients send it.
pub(super) fn stands_for_nothing(rules: &Map<String, Value>, name: &str, value: &Value) -> bool {
    let own = rules.get("properties").and_then(|own| own.get(name));
    let takes_null = |schema: &Value| {
        let wanted = schema.get("type");
        wanted.is_some() && has_type(value, wanted)
    };
    value.is_null()
        && own.is_some_and(|schema| !takes_null(schema))
        && !required(rules).any(|required| required == name)
}

/// Whether a value has a type, or one of several. A number without a fraction is an integer, however it is written.
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

fn is_within(value: &Value, rules: &Map<String, Value>) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let keeps = |keyword: &str, allowed: &[std::cmp::Ordering]| {
        let bound = rules.get(keyword);
        bound.is_none_or(|bound| compare(value, bound).is_none_or(|order| allowed.contains(&order)))
    };
    let not = rules.get("not").and_then(|not| not.get("const"));
    keeps("minimum", &[Equal, Greater])
        && keeps("maximum", &[Equal, Less])
        && keeps("exclusiveMinimum", &[Greater])
        && keeps("exclusiveMaximum", &[Less])
        && not.is_none_or(|not| compare(value, not) != Some(Equal))
}

/// Compares numbers, integers exactly.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
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

fn is_counted(count: usize, rules: &Map<String, Value>, least: &str, most: &str) -> bool {
    let bound = |keyword: &str| rules.get(keyword).and_then(Value::as_u64);
    let count = count as u64;
    bound(least).is_none_or(|least| count >= least) && bound(most).is_none_or(|most| count <= most)
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
            let size = value.to_string().len();
            Rules::new(Some(&definitions), false, size).repair(&mut value, &schema);
            let mistakes =
                Rules::new(Some(&definitions), false, size).mistakes(&value, &schema, "v");
            assert_eq!(mistakes.is_empty(), fits, "{mistakes:?}");
        }
    }

    #[test]
    fn a_name_within_a_definition_may_need_an_escape() {
        let definitions = json!({ "a/b~c": { "type": "null" } });
        let rules = Rules::new(Some(&definitions), false, 10);
        let schema = json!({ "$ref": "#/$defs/a~1b~0c" });
        assert!(rules.fits(&Value::Null, &schema));
        assert!(!rules.fits(&json!(1), &schema));
    }
}
