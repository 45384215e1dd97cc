//! A schema in its original form and in another one.

use serde_json::Value;

use super::convert::Converter;
use super::form::{Dialect, JSON_TEXT, OMITTABLE};
use crate::schema::walk::change_parts;

/// A schema in another form.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The schema that clients receive.
    pub(crate) schema: Value,
    /// The same schema with marks, by which arguments are turned back.
    pub(super) guide: Value,
}

impl Converted {
    /// Converts the schema of a tool's arguments, an object.
    pub(crate) fn new(schema: &Value, dialect: Dialect) -> Self {
        let guide = Converter::new(schema, dialect).whole();
        let mut schema = guide.clone();
        remove_marks(&mut schema);
        Self { schema, guide }
    }
}

/// Removes the marks from a converted schema, whose keywords with names are `properties` and `$defs`.
fn remove_marks(schema: &mut Value) {
    let Some(rules) = schema.as_object_mut() else {
        return;
    };
    rules.retain(|keyword, _| ![JSON_TEXT, OMITTABLE].contains(&keyword.as_str()));
    change_parts(rules, |_, _, part| remove_marks(part));
}
