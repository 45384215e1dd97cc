//! Schemas that are prepared for their first use: a server has many tools, and few of them are called.

use std::sync::OnceLock;

use serde_json::Value;

use crate::error::ToolError;
use crate::schema::{Budget, WholeSchema};

/// A schema, and the rules to check values against it.
#[derive(Debug)]
pub(super) struct Schema {
    /// The schema as JSON, because a tree would be several times as large.
    text: Box<str>,
    /// `None` if it cannot be checked, because a pattern is one of JavaScript for instance. The API checks its arguments itself.
    rules: OnceLock<Option<WholeSchema>>,
}

impl Schema {
    pub(super) fn new(schema: &Value) -> Self {
        Self {
            text: schema.to_string().into(),
            rules: OnceLock::new(),
        }
    }

    /// Returns the mistakes of a value. `path` is its path in the messages.
    pub(super) fn mistakes(&self, value: &Value, path: &str) -> Vec<String> {
        let prepare = || {
            let schema = serde_json::from_str(&self.text).ok()?;
            WholeSchema::new(&schema).ok()
        };
        let rules = self.rules.get_or_init(prepare).as_ref();
        let mistakes = rules.map(|rules| rules.mistakes(value, path, &Budget::default()));
        mistakes.unwrap_or_default()
    }

    /// Checks the arguments of a tool.
    ///
    /// # Errors
    /// Returns an error for the model with all mistakes.
    pub(super) fn check_arguments(&self, arguments: &Value) -> Result<(), ToolError> {
        let mistakes = self.mistakes(arguments, "arguments");
        if mistakes.is_empty() {
            return Ok(());
        }
        let mistakes = mistakes.join("\n- ");
        Err(ToolError::refused(format!(
            "Invalid arguments:\n- {mistakes}"
        )))
    }
}
