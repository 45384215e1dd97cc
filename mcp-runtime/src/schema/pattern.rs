//! The patterns of schemas, compiled once when the server is built. Without the feature `pattern` no pattern is
//! compiled, and every text matches.

use serde_json::Value;

#[cfg(feature = "pattern")]
use super::walk::walk;

/// Compiled patterns by their source text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns {
    #[cfg(feature = "pattern")]
    compiled: std::collections::HashMap<String, regex_lite::Regex>,
}

#[cfg(feature = "pattern")]
impl Patterns {
    /// Compiles all patterns in a schema.
    ///
    /// # Errors
    /// Returns one message for each pattern that does not compile.
    pub(crate) fn add(&mut self, schema: &Value) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        walk(schema, "", &mut |rules, _| {
            let Some(pattern) = rules.get("pattern").and_then(Value::as_str) else {
                return;
            };
            if self.compiled.contains_key(pattern) {
                return;
            }
            match regex_lite::Regex::new(pattern) {
                Ok(compiled) => {
                    self.compiled.insert(pattern.to_owned(), compiled);
                }
                Err(error) => wrong.push(format!(
                    "the pattern `{pattern}` cannot be checked: {error}"
                )),
            }
        });
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Returns `true` if any part of the text matches, as JSON Schema defines it.
    pub(super) fn matches(&self, pattern: &str, text: &str) -> bool {
        self.compiled
            .get(pattern)
            .is_none_or(|pattern| pattern.is_match(text))
    }
}

#[cfg(not(feature = "pattern"))]
#[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as with the feature
impl Patterns {
    pub(crate) fn add(&mut self, _schema: &Value) -> Result<(), Vec<String>> {
        Ok(())
    }

    pub(super) fn matches(&self, _pattern: &str, _text: &str) -> bool {
        true
    }
}
