//! A finding of `check`.

use std::fmt;

/// A problem that `check` reports.
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// The component, the problem and its correction.
    text: String,
    /// The public sources of a rule of clients, separated by spaces.
    sources: &'static str,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Every client is affected, or a client refuses the definition with its default settings.
    Error,
    /// A client refuses the definition with some settings or under some names of the server, which its user chooses.
    Warning,
}

impl Finding {
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
        if self.level == Level::Warning {
            formatter.write_str("warning: ")?;
        }
        formatter.write_str(&self.text)?;
        if !self.sources.is_empty() {
            write!(formatter, " ({})", self.sources)?;
        }
        Ok(())
    }
}
