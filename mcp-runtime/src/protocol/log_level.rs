//! The severity of log messages.

use serde::{Deserialize, Serialize};

/// The severity of a log message, in ascending order: the levels of syslog (RFC 5424).
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging#log-levels>.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Fetch a page.
/// #[tool]
/// async fn fetch(url: String, context: Context) -> String {
///     context.log(LogLevel::Info, format!("fetching {url}"));
///     "...".to_owned()
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Debugging details.
    Debug,
    /// Informational messages about normal operation.
    Info,
    /// Normal but significant events.
    Notice,
    /// Conditions that may become a problem.
    Warning,
    /// Failures.
    Error,
    /// Failures of a component of the system.
    Critical,
    /// Conditions that need action at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LogLevel {
    /// Parses a level from its JSON.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        // Checked here because serde also deserialises a variant from `{"info":null}`.
        json.starts_with('"')
            .then(|| serde_json::from_str(json).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_eight_words_are_levels() {
        let words = [
            "debug",
            "info",
            "notice",
            "warning",
            "error",
            "critical",
            "alert",
            "emergency",
        ];
        let levels = words.map(|word| LogLevel::parse(&format!("\"{word}\"")));
        assert!(levels.iter().all(Option::is_some) && levels.is_sorted());
        for json in [
            "\"Info\"",
            "\"warn\"",
            "info",
            "1",
            "null",
            "{\"info\":null}",
        ] {
            assert_eq!(LogLevel::parse(json), None, "{json}");
        }
    }
}
