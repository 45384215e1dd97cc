//! Arguments in the form of a model, turned back into those of the original schema.

use serde_json::{Map, Value};

use super::converted::Converted;
use super::form::{JSON_TEXT, OMITTABLE};

/// An argument in the form of the original schema.
#[derive(Debug, PartialEq)]
pub(crate) enum Restored {
    /// It is as it was sent.
    Same,
    /// It has another form.
    Changed(Value),
    /// It is left out: it was null, because the form requires it.
    Omitted,
}

impl Converted {
    /// Turns an argument back: reads JSON in strings, and removes null in place of a value that is left out.
    pub(crate) fn restored(&self, name: &str, json: &str) -> Restored {
        let omittable = self.guide.get(OMITTABLE).and_then(Value::as_array);
        if json == "null" && omittable.into_iter().flatten().any(|it| it == name) {
            return Restored::Omitted;
        }
        let properties = self.guide.get("properties");
        let Some(schema) = properties.and_then(|properties| properties.get(name)) else {
            return Restored::Same;
        };
        // A mistake in the text is reported when it is read.
        let Ok(sent) = serde_json::from_str::<Value>(json) else {
            return Restored::Same;
        };
        let definitions = self.guide.get("$defs");
        let mut value = sent.clone();
        Guide { definitions }.restore(&mut value, schema);
        if value == sent {
            Restored::Same
        } else {
            Restored::Changed(value)
        }
    }
}

struct Guide<'g> {
    definitions: Option<&'g Value>,
}

impl<'g> Guide<'g> {
    fn resolve(&self, schema: &'g Value) -> &'g Value {
        let target = schema.get("$ref").and_then(Value::as_str);
        let name = target.and_then(|target| target.strip_prefix("#/$defs/"));
        let definition = name.and_then(|name| self.definitions?.get(name));
        definition.unwrap_or(schema)
    }

    fn restore(&self, value: &mut Value, schema: &'g Value) {
        let schema = self.resolve(schema);
        if let Some(Value::Array(branches)) = schema.get("anyOf") {
            if let Some(branch) = self.branch(value, branches) {
                self.restore(value, branch);
            }
            return;
        }
        match (value, schema.get("items")) {
            (Value::Array(items), Some(schema)) => {
                for item in items {
                    self.restore(item, schema);
                }
            }
            (Value::Object(members), _) => self.restore_members(members, schema),
            (text, _) if schema.get(JSON_TEXT).is_some() => read(text),
            _ => {}
        }
    }

    /// Returns the branch of a choice that a value is of. A text is JSON if it is an object or array, or no other text is allowed.
    fn branch(&self, value: &Value, branches: &'g [Value]) -> Option<&'g Value> {
        let mut fitting = branches.iter().filter(|branch| self.fits(value, branch));
        let is_json = |branch: &&Value| branch.get(JSON_TEXT).is_some();
        let json = fitting.clone().find(is_json);
        let inner = value
            .as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        if inner.is_some_and(|inner| inner.is_object() || inner.is_array()) && json.is_some() {
            return json;
        }
        fitting.find(|branch| !is_json(branch)).or(json)
    }

    fn restore_members(&self, members: &mut Map<String, Value>, schema: &'g Value) {
        let omittable = schema.get(OMITTABLE).and_then(Value::as_array);
        for name in omittable.into_iter().flatten().filter_map(Value::as_str) {
            if members.get(name).is_some_and(Value::is_null) {
                members.shift_remove(name);
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if let Some(value) = members.get_mut(name) {
                self.restore(value, schema);
            }
        }
    }

    /// Returns `true` if a value has the form of a branch, as far as its types, its names and its enums say.
    fn fits(&self, value: &Value, schema: &'g Value) -> bool {
        let schema = self.resolve(schema);
        if let Some(Value::Array(branches)) = schema.get("anyOf") {
            return branches.iter().any(|branch| self.fits(value, branch));
        }
        let is_nullable = schema.get("nullable").is_some_and(|it| *it == true);
        let values = schema.get("enum").and_then(Value::as_array);
        if value.is_null() && is_nullable {
            return true;
        }
        has_type(value, schema.get("type"))
            && values.is_none_or(|values| values.contains(value))
            && value
                .as_object()
                .is_none_or(|members| self.fits_members(members, schema))
    }

    fn fits_members(&self, members: &Map<String, Value>, schema: &'g Value) -> bool {
        let required = schema.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        let properties = schema.get("properties");
        required.all(|name| members.contains_key(name))
            && members.iter().all(|(name, value)| {
                let schema = properties.and_then(|properties| properties.get(name));
                schema.is_some_and(|schema| self.fits(value, schema))
            })
    }
}

/// Reads JSON in a string. What is no JSON is meant as the text that it is.
fn read(value: &mut Value) {
    let inner = value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    if let Some(inner) = inner {
        *value = inner;
    }
}

fn has_type(value: &Value, names: Option<&Value>) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    match names {
        Some(Value::Array(names)) => names.iter().any(is),
        Some(name) => is(name),
        None => true,
    }
}
