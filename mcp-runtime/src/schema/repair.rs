//! Mends what clients are known to send wrong, where the schema leaves no doubt what was meant.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::check::{Rules, has_type, item_schema, member_schema, stands_for_nothing};

impl Rules<'_> {
    /// Makes integers of numbers that are written with a fraction of zero, which JSON Schema takes for integers and
    /// serde does not, and leaves out members that are null and need not be there. Unless strict, mends also `"5"` for a number, `"true"` for a boolean, an array or object sent as
    /// a string, and an item that comes again in a set.
    pub(crate) fn repair(&self, value: &mut Value, schema: &Value) {
        let schema = self.resolve(schema);
        let Some(rules) = schema.as_object().filter(|_| self.step()) else {
            return;
        };
        self.repair_scalar(value, rules);
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if let Some(schema) = item_schema(rules, index) {
                        self.repair(item, schema);
                    }
                }
                if !self.strict && rules.get("uniqueItems") == Some(&Value::Bool(true)) {
                    leave_out_repeated(items);
                }
            }
            Value::Object(members) => {
                members.retain(|name, member| !stands_for_nothing(rules, name, member));
                for (name, member) in members.iter_mut() {
                    if let Some(schema) = member_schema(rules, name) {
                        self.repair(member, schema);
                    }
                }
            }
            _ => {}
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = rules.get(keyword) {
                self.repair_choice(value, branches);
            }
        }
    }

    fn repair_scalar(&self, value: &mut Value, rules: &Map<String, Value>) {
        let wanted = rules.get("type");
        let mended = match &*value {
            Value::Number(number) if number.is_f64() && wants(wanted, "integer") => {
                number.as_f64().and_then(whole)
            }
            Value::String(text) if !self.strict && !has_type(value, wanted) => {
                ["integer", "number", "boolean", "array", "object"]
                    .into_iter()
                    .filter(|name| wants(wanted, name))
                    .find_map(|name| meant(text, name))
            }
            _ => None,
        };
        if let Some(mended) = mended {
            *value = mended;
        }
    }

    /// Repairs what fits one choice alone once it is repaired.
    fn repair_choice(&self, value: &mut Value, branches: &[Value]) {
        let mut repaired = Vec::new();
        for branch in branches {
            let mut copy = value.clone();
            self.repair(&mut copy, branch);
            if self.fits(&copy, branch) {
                if copy == *value {
                    return;
                }
                repaired.push(copy);
            }
        }
        if repaired.len() == 1 {
            *value = repaired.remove(0);
        }
    }
}

fn wants(wanted: Option<&Value>, name: &str) -> bool {
    match wanted {
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}

fn leave_out_repeated(items: &mut Vec<Value>) {
    let mut seen = HashSet::new();
    let first: Vec<bool> = items.iter().map(|item| seen.insert(item)).collect();
    drop(seen);
    let mut first = first.into_iter();
    items.retain(|_| first.next().unwrap_or(true));
}

/// A number without a fraction that was written with one, as an integer, if it is small enough to be exact.
fn whole(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)] // within the exact range and without a fraction
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| json!(number as i64))
}

/// What a string stands for where `wanted` is asked for.
fn meant(text: &str, wanted: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    match (wanted, &value) {
        ("integer", Value::Number(number)) if number.is_f64() => number.as_f64().and_then(whole),
        ("integer" | "number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => Some(value),
        _ => None,
    }
}
