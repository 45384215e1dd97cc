//! Newline framing: splits a stream of bytes into lines.

use crate::protocol::outline::{Outline, Outliner};
use crate::protocol::text::remove_mark;

/// The maximum size of the unused memory that a line keeps, in bytes.
const MAX_SPARE: usize = 64 * 1024;

/// A complete line, or the outline of one that was too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A complete line, without its line break.
    Complete(Vec<u8>),
    /// The outline of a line that is longer than the limit.
    TooLong(Outline),
}

impl Line {
    /// Returns the number of its bytes that are in memory.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Complete(bytes) => bytes.len(),
            Self::TooLong(_) => 0,
        }
    }

    /// Returns the line of a message that came as a whole.
    pub(crate) fn of_message(message: Vec<u8>, limit: usize) -> Self {
        if message.len() <= limit {
            return Self::Complete(message);
        }
        let mut outliner = Outliner::default();
        outliner.feed(&message);
        Self::TooLong(outliner.finish())
    }
}

/// A splitter of bytes into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    limit: usize,
    partial: Vec<u8>,
    /// The outliner of the current line, if that is too long.
    too_long: Option<Outliner>,
    started: bool,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            partial: Vec::new(),
            too_long: None,
            started: false,
        }
    }

    /// Takes bytes and calls `each` for each line that they complete, in order.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.append(&bytes[..end]);
            self.complete(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
    }

    /// Calls `each` for the last line, if that does not end with a line break.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(Line)) {
        self.complete(&mut each);
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.too_long.is_none() && self.partial.len() + bytes.len() <= self.limit {
            self.partial.extend_from_slice(bytes);
            return;
        }
        let outliner = self.too_long.get_or_insert_default();
        outliner.feed(&std::mem::take(&mut self.partial));
        outliner.feed(bytes);
    }

    fn complete(&mut self, each: &mut impl FnMut(Line)) {
        let mut line = std::mem::take(&mut self.partial);
        if let Some(outliner) = self.too_long.take() {
            each(Line::TooLong(outliner.finish()));
        }
        if !std::mem::replace(&mut self.started, true) {
            remove_mark(&mut line);
        }
        // The budgets of memory count the length.
        if line.capacity() - line.len() > MAX_SPARE {
            line.shrink_to_fit();
        }
        // Ignores empty lines, including those that end with CRLF.
        if !line.trim_ascii().is_empty() {
            each(Line::Complete(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Id;

    fn cut(limit: usize, pieces: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        for piece in pieces {
            lines.feed(piece, |line| found.push(line));
        }
        lines.finish(|line| found.push(line));
        found
    }

    fn whole(text: &str) -> Line {
        Line::Complete(text.as_bytes().to_vec())
    }

    #[test]
    fn pieces_make_lines_and_the_last_needs_no_end() {
        assert_eq!(
            cut(9, &[b"\xef\xbb\xbfone\ntw", b"o\r\n\n \r\n", b"three"]),
            [whole("one"), whole("two\r"), whole("three")]
        );
    }

    #[test]
    fn a_line_that_is_too_long_does_not_spoil_the_next() {
        let too_long = || Line::TooLong(Outline::default());
        assert_eq!(
            cut(4, &[b"12345", b"6789", b"\nabcd\n", b"xxxxx"]),
            [too_long(), whole("abcd"), too_long()]
        );
    }

    #[test]
    fn a_line_that_is_too_long_keeps_its_id() {
        let too_long = |number| {
            Line::TooLong(Outline {
                id: Some(Id::Number(number)),
                is_response: false,
            })
        };
        assert_eq!(
            cut(
                9,
                &[
                    b"\xef\xbb\xbf{\"x\":\"\\",
                    b"\"\",\"id\"",
                    b":7}\n{\"id\":12,}"
                ]
            ),
            [too_long(7), too_long(12)]
        );
    }
}
