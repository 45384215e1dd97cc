//! Decoded arguments.

use std::sync::OnceLock;

use serde_json::Value;

use super::signature::Signature;
use crate::schema::Budget;

/// A decoded JSON value that the call owns. Escapes in its strings are decoded, and known mistakes of clients are repaired.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) value: Value,
    /// The mistakes that remain after the repair.
    pub(crate) mistakes: Vec<String>,
    text: OnceLock<String>,
}

impl Tree {
    pub(super) fn new(value: Value, mistakes: Vec<String>) -> Self {
        Self {
            value,
            mistakes,
            text: OnceLock::new(),
        }
    }

    pub(super) fn read(json: &str, signature: &Signature, index: usize, budget: &Budget) -> Self {
        let name = signature.name(index);
        let (value, mistakes) = match signature.read(index, name, json, budget) {
            Ok((mut value, mut mistakes)) => {
                mistakes.extend(signature.repair(index, &mut value, budget));
                (value, mistakes)
            }
            Err(mistake) => (Value::Null, vec![mistake]),
        };
        Self::new(value, mistakes)
    }

    /// Returns the value as JSON in one line.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| self.value.to_string())
    }
}
