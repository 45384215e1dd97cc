//! The output and the errors of commands.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};

use super::terminal;

/// The error of a command.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// Writes to stdout, and appends a line break if the last line has none.
pub(super) fn write(output: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    let output = terminal::text(&stdout, output);
    let written = stdout.write_all(output.as_bytes()).and_then(|()| {
        if output.is_empty() || output.ends_with('\n') {
            Ok(())
        } else {
            stdout.write_all(b"\n")
        }
    });
    written
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("the result could not be printed: {error}"))
}

/// Escapes a part of a line for stdout.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    terminal::line(&io::stdout(), text)
}

/// Joins lines.
pub(super) fn lines(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("\n")
}
