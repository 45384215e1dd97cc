//! How severe a log message is.

use serde::{Deserialize, Serialize};

/// How severe a log message is, from the least to the most: the levels of syslog (RFC 5424).
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging#log-levels>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Details for debugging.
    Debug,
    /// What happens in the ordinary course of things.
    Info,
    /// What is normal but worth noting.
    Notice,
    /// What may become a problem.
    Warning,
    /// What failed.
    Error,
    /// What failed and takes a part of the system with it.
    Critical,
    /// What somebody must do something about at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LogLevel {
    /// Reads a level from its JSON.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        // Checked by hand because serde takes `{"info":null}` for a variant.
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
