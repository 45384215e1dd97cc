//! Finds the value that an error of serde refers to. Such an error has only the position up to which serde had read.

use serde_json::Value;

use super::check::{Members, Rules, item_schema};
use crate::json_path;

/// A value within another.
#[derive(Clone)]
pub(crate) struct Location<'v> {
    pub(crate) path: String,
    pub(crate) value: &'v Value,
    /// The schema of the value, if it is known.
    pub(crate) schema: Option<&'v Value>,
    /// `true` if the error refers to the key of the value.
    pub(crate) is_key: bool,
}

impl<'v> Location<'v> {
    fn part(&self, step: &str, value: &'v Value, schema: Option<&'v Value>) -> Self {
        let path = json_path::joined(&self.path, step);
        Self {
            path,
            value,
            schema,
            is_key: false,
        }
    }
}

/// Finds the innermost value that ends at or after this number of bytes in the text that `serde_json` writes for the
/// whole. An error without a position, at 0 bytes, refers to the whole.
pub(crate) fn locate<'v>(whole: Location<'v>, rules: &Rules<'v>, bytes: usize) -> Location<'v> {
    if bytes == 0 {
        return whole;
    }
    let mut search = Search {
        rules,
        bytes,
        at: 0,
    };
    search.enter(whole.clone()).unwrap_or(whole)
}

struct Search<'r, 'v> {
    rules: &'r Rules<'v>,
    bytes: usize,
    /// The number of bytes before the current position.
    at: usize,
}

impl<'v> Search<'_, 'v> {
    fn enter(&mut self, place: Location<'v>) -> Option<Location<'v>> {
        let schema = place.schema.map(|schema| self.rules.resolve(schema));
        match place.value {
            Value::Array(items) if !items.is_empty() => {
                for (index, value) in items.iter().enumerate() {
                    self.at += 1; // the bracket or comma before it
                    let schema = schema.and_then(|schema| item_schema(schema, index));
                    let found = self.enter(place.part(&json_path::item(index), value, schema));
                    if found.is_some() {
                        return found;
                    }
                }
                self.at += 1;
            }
            Value::Object(members) if !members.is_empty() => {
                for (name, value) in members {
                    self.at += 2 + Value::from(name.as_str()).to_string().len(); // includes the characters around the name
                    let schema = schema.and_then(|schema| Members::of(schema).schema(name));
                    let mut part = place.part(&json_path::member(name), value, schema);
                    part.is_key = self.at >= self.bytes;
                    if part.is_key {
                        return Some(part);
                    }
                    let found = self.enter(part);
                    if found.is_some() {
                        return found;
                    }
                }
                self.at += 1;
            }
            scalar => self.at += scalar.to_string().len(),
        }
        (self.at >= self.bytes).then_some(Location { schema, ..place })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::budget::Budget;
    use super::super::pattern::Patterns;
    use super::*;

    #[test]
    fn a_place_is_found_by_how_far_serde_had_read() {
        let value = json!({ "a": [1, { "b c": "é" }], "d": {}, "e": null });
        let text = value.to_string();
        let schema = json!({ "properties": { "a": { "items": { "type": "string" } } } });
        for (end, path, known) in [
            ("[1", "v.a[0]", true),
            ("\"é\"", "v.a[1][\"b c\"]", false),
            ("\"é\"}", "v.a[1]", true),
            ("\"d\":{}", "v.d", false),
            ("null", "v.e", false),
            ("null}", "v", true),
        ] {
            let bytes = text.find(end).unwrap() + end.len();
            let whole = Location {
                path: "v".to_owned(),
                value: &value,
                schema: Some(&schema),
                is_key: false,
            };
            let (patterns, budget) = (Patterns::default(), Budget::default());
            let found = locate(whole, &Rules::new(None, &patterns, false, &budget), bytes);
            assert_eq!(
                (found.path.as_str(), found.schema.is_some()),
                (path, known),
                "{end}"
            );
        }
    }
}
