//! The parts of a definition that have changed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json_path;

/// A part of a definition that has changed: its path, and the value before and after the change.
pub(super) struct Changed<'v> {
    pub(super) path: String,
    pub(super) old: Option<&'v Value>,
    pub(super) new: Option<&'v Value>,
}

/// Returns the parts that differ.
pub(super) fn changed<'v>(old: &'v Value, new: &'v Value) -> Vec<Changed<'v>> {
    let mut found = Vec::new();
    push(old, new, "", &mut found);
    found
}

fn push<'v>(old: &'v Value, new: &'v Value, path: &str, found: &mut Vec<Changed<'v>>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let path = json_path::joined(path, &json_path::member(name));
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => push(old, new, &path, found),
                    (old, new) => found.push(Changed { path, old, new }),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                let path = format!("{path}{}", json_path::item(index));
                push(old, new, &path, found);
            }
        }
        (old, new) if old != new => found.push(Changed {
            path: path.to_owned(),
            old: Some(old),
            new: Some(new),
        }),
        _ => {}
    }
}
