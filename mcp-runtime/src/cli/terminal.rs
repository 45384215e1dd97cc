//! Escapes control characters in the output of the command line.
//!
//! A terminal interprets control characters, so they are escaped there. A pipe receives the text unchanged.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IsTerminal;

/// Returns a text in the form that `stream` prints. On a terminal, line breaks and tabs are not escaped.
pub(super) fn text<'a>(stream: &impl IsTerminal, text: &'a str) -> Cow<'a, str> {
    escape(text, stream.is_terminal(), &['\n', '\t'])
}

/// Returns a name, or another part of a line, in the form that `stream` prints.
pub(super) fn line<'a>(stream: &impl IsTerminal, text: &'a str) -> Cow<'a, str> {
    escape(text, stream.is_terminal(), &[])
}

/// Returns a line without control characters, for any stream.
pub(super) fn escape_all(line: &str) -> Cow<'_, str> {
    escape(line, true, &[])
}

/// Escapes control characters (C0, DEL and C1) as in JSON, so that escaped JSON is still valid.
fn escape<'a>(text: &'a str, for_terminal: bool, kept: &[char]) -> Cow<'a, str> {
    let is_escaped = |letter: char| letter.is_control() && !kept.contains(&letter);
    if !for_terminal || !text.contains(is_escaped) {
        return text.into();
    }
    let mut escaped = String::new();
    for letter in text.chars() {
        if is_escaped(letter) {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn only_a_terminal_gets_control_characters_escaped() {
        let hostile = "a\u{1b}\u{85}\0\n\tä€\u{7f}";
        assert_eq!(escape(hostile, false, &[]), hostile);
        assert_eq!(
            escape(hostile, true, &['\n', '\t']),
            "a\\u001b\\u0085\\u0000\n\tä€\\u007f"
        );
        assert_eq!(
            escape(hostile, true, &[]),
            "a\\u001b\\u0085\\u0000\\u000a\\u0009ä€\\u007f"
        );
    }
}
