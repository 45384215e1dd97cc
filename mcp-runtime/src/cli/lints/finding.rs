//! A finding of `check`.

use std::fmt;

use serde_json::{Value, json};

/// A problem that [`Server::check`](crate::Server::check) reports. It is displayed as one line, with the public sources of a rule
/// of clients.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Say hello.
/// #[tool(name = "greetings.hello")]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let findings = Server::new("app", "1.0.0").with(components![hello]).check().await?;
/// assert!(findings[0].to_string().contains("refuse `.` in a name"));
/// assert!(!findings[0].is_warning());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    pub(super) level: Level,
    /// The component, the problem and its correction.
    text: String,
    /// The public sources of a rule of clients, separated by spaces.
    sources: &'static str,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Every client is affected, or a client refuses the definition with its default settings.
    Error,
    /// A client refuses the definition with some settings or under some names of the server, which its user chooses. Or a
    /// person must judge a text.
    Warning,
}

impl Finding {
    /// Returns `true` if only some settings of a client, or names that its user chooses, are affected.
    pub fn is_warning(&self) -> bool {
        self.level == Level::Warning
    }

    /// Returns the finding as `check --json` prints it.
    pub(in crate::cli) fn to_json(&self) -> Value {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let sources: Vec<_> = self.sources.split_whitespace().collect();
        json!({ "level": level, "text": self.text, "sources": sources })
    }

    /// Returns an error that is independent of the client.
    pub(crate) fn new(text: String) -> Self {
        Self::of_clients(Level::Error, text, "")
    }

    /// Returns a finding about clients, with the sources of their rule.
    pub(super) fn of_clients(level: Level, text: String, sources: &'static str) -> Self {
        Self {
            level,
            text,
            sources,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_warning() {
            formatter.write_str("warning: ")?;
        }
        formatter.write_str(&self.text)?;
        if !self.sources.is_empty() {
            write!(formatter, " ({})", self.sources)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.to_string())
    }
}
