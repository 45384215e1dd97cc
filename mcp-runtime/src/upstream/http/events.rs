//! Server-sent events, parsed in the pieces in which they arrive.
//!
//! See <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>.

use std::mem;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::header::HeaderValue;
use memchr::{memchr, memchr2};

use crate::upstream::transport::{LARGEST_MESSAGE, SendError};

/// The largest line: the largest message with the name of its field.
const LONGEST_LINE: usize = LARGEST_MESSAGE + "data: ".len();

/// The longest event id that is used to resume a stream.
const LONGEST_ID: usize = 4096;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A parser of a stream of events, and of the streams that resume it.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    /// The start of the line whose end has not arrived.
    line: Vec<u8>,
    has_first_line: bool,
    /// `true` if the last line ended with a carriage return, which a line feed may follow.
    after_return: bool,
    event: Unfinished,
    last_id: Option<HeaderValue>,
    retry: Option<Duration>,
}

/// The fields of the event whose end has not arrived.
#[derive(Debug, Default)]
struct Unfinished {
    /// The lines of data, each with its end.
    data: Vec<u8>,
    /// `true` if the type is not `message`, which is the default.
    is_other: bool,
    has_id: bool,
    /// The id, if it can be sent in a header.
    id: Option<HeaderValue>,
}

/// An event with data or an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The data, or `None` if there is none, or if the event is of another type than `message`.
    pub(super) message: Option<String>,
}

impl EventParser {
    /// Prepares for a stream that resumes the last one: keeps the id and the time.
    pub(super) fn restart(&mut self) {
        *self = Self {
            last_id: self.last_id.take(),
            retry: self.retry,
            ..Self::default()
        };
    }

    /// Returns the id of the last event.
    pub(super) fn last_id(&self) -> Option<&HeaderValue> {
        self.last_id.as_ref()
    }

    /// Returns the time to wait before the stream is resumed, if the server has set it.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns the next event, and removes what was parsed from the start of the bytes. `None`: all bytes were parsed.
    ///
    /// # Errors
    /// Returns [`SendError::Invalid`] if the event is too large or not UTF-8.
    pub(super) fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Event>, SendError> {
        while let Some(first) = bytes.first() {
            if mem::take(&mut self.after_return) && *first == b'\n' {
                bytes.advance(1);
                continue;
            }
            let Some(end) = memchr2(b'\r', b'\n', bytes) else {
                self.extend_line(bytes)?;
                bytes.clear();
                break;
            };
            self.extend_line(&bytes[..end])?;
            self.after_return = bytes[end] == b'\r';
            bytes.advance(end + 1);
            if let Some(event) = self.end_line()? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        if self.line.len() + bytes.len() > LONGEST_LINE {
            return Err(too_large());
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, SendError> {
        let line = mem::take(&mut self.line);
        let is_first = !mem::replace(&mut self.has_first_line, true);
        let text = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if is_first => rest,
            _ => &line,
        };
        if text.is_empty() {
            return self.end_event();
        }
        self.field(text)?;
        Ok(None)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), SendError> {
        let (name, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => self.event.add_data(value)?,
            b"event" => self.event.is_other = !matches!(value, b"" | b"message"),
            b"id" => self.event.set_id(value),
            b"retry" => self.set_retry(value),
            // A comment, whose name is empty, or an unknown field.
            _ => {}
        }
        Ok(())
    }

    /// Only the id of a whole event is kept, so that a stream is never resumed after an event that was lost.
    fn end_event(&mut self) -> Result<Option<Event>, SendError> {
        let event = mem::take(&mut self.event);
        if event.has_id {
            self.last_id.clone_from(&event.id);
        }
        event.finish()
    }

    fn set_retry(&mut self, value: &[u8]) {
        if value.iter().all(u8::is_ascii_digit)
            && let Some(milliseconds) = str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
        {
            self.retry = Some(Duration::from_millis(milliseconds));
        }
    }
}

impl Unfinished {
    fn add_data(&mut self, value: &[u8]) -> Result<(), SendError> {
        if self.data.len() + value.len() > LARGEST_MESSAGE {
            return Err(too_large());
        }
        self.data.extend_from_slice(value);
        self.data.push(b'\n');
        Ok(())
    }

    fn set_id(&mut self, value: &[u8]) {
        if value.contains(&0) {
            return;
        }
        self.has_id = true;
        let is_usable = (1..=LONGEST_ID).contains(&value.len());
        self.id = HeaderValue::from_bytes(value).ok().filter(|_| is_usable);
    }

    /// Returns the event, or `None` if it has neither data nor an id.
    fn finish(mut self) -> Result<Option<Event>, SendError> {
        self.data.pop();
        if self.data.is_empty() && !self.has_id {
            return Ok(None);
        }
        if self.data.is_empty() || self.is_other {
            return Ok(Some(Event { message: None }));
        }
        let text = String::from_utf8(self.data)
            .map_err(|_| SendError::Invalid("an event of the response is not UTF-8".to_owned()))?;
        Ok(Some(Event {
            message: Some(text),
        }))
    }
}

fn too_large() -> SendError {
    SendError::Invalid(format!(
        "an event of the response is larger than {LARGEST_MESSAGE} bytes"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // allowed in tests

    use super::*;

    /// Parses a stream in these pieces: the messages, and `None` for each event without one.
    fn messages(parser: &mut EventParser, pieces: &[&[u8]]) -> Vec<Option<String>> {
        let mut messages = Vec::new();
        for piece in pieces {
            let mut bytes = Bytes::copy_from_slice(piece);
            while let Some(event) = parser.next(&mut bytes).unwrap() {
                messages.push(event.message);
            }
            assert!(bytes.is_empty());
        }
        messages
    }

    #[test]
    fn a_stream_is_parsed_the_same_in_all_pieces() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", &[Some("a"), Some("b")][..]),
            (
                "data: a\r\n\r\ndata:b\r\rdata: c\n\n",
                &[Some("a"), Some("b"), Some("c")],
            ),
            ("data: a\r\ndata: b\r\n\r\n", &[Some("a\nb")]),
            ("\u{feff}data: a\n\n", &[Some("a")]),
            ("data: a\n\n\u{feff}data: b\n\n", &[Some("a")]),
            (": comment\n:\n\ndata: a\n: comment\n\n", &[Some("a")]),
            (
                "data: a\ndata:  b\ndata\ndata: c\r\n\r\n",
                &[Some("a\n b\n\nc")],
            ),
            ("data: é世\n\n", &[Some("é世")]),
            ("event: message\ndata: a\n\n", &[Some("a")]),
            ("event: ping\ndata: a\n\ndata: b\n\n", &[None, Some("b")]),
            ("id: 1\nretry: 5\n\n", &[None]),
            ("id: 1\ndata:\n\ndata: a", &[None]),
            ("other: x\ndatas: y\n\ndata: a\n\n", &[Some("a")]),
            ("\n\n\r\r\n", &[]),
        ] {
            let stream = stream.as_bytes();
            for cut in 0..=stream.len() {
                let (start, end) = stream.split_at(cut);
                let found = messages(&mut EventParser::default(), &[start, end]);
                let found: Vec<_> = found.iter().map(Option::as_deref).collect();
                assert_eq!(found, expected, "{} cut at {cut}", stream.escape_ascii());
            }
            let bytes: Vec<_> = stream.chunks(1).collect();
            let found = messages(&mut EventParser::default(), &bytes);
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "the bytes of {}", stream.escape_ascii());
        }
    }

    #[test]
    fn the_id_and_the_time_are_those_of_the_last_whole_event() {
        for (stream, id, retry) in [
            ("id: 1\nretry: 70\ndata: a\n\n", Some("1"), Some(70)),
            ("id: 1\n\nid: 2\ndata: b", Some("1"), None),
            ("id: 1\n\ndata: b\n\n", Some("1"), None),
            ("id: 1\n\nid:\n\n", None, None),
            ("id: 1\n\nid: a\0b\n\n", Some("1"), None),
            ("id: 1\n\nid: a\u{7}b\n\n", None, None),
            ("retry: 1s\n\n", None, None),
            ("retry:\n\n", None, None),
            ("retry: 99999999999999999999\n\n", None, None),
        ] {
            let mut parser = EventParser::default();
            messages(&mut parser, &[stream.as_bytes()]);
            parser.restart();
            let found = parser.last_id().map(|id| id.to_str().unwrap());
            assert_eq!(found, id, "{stream:?}");
            assert_eq!(
                parser.retry(),
                retry.map(Duration::from_millis),
                "{stream:?}"
            );
        }
    }

    #[test]
    fn a_restart_drops_the_unfinished_event() {
        let mut parser = EventParser::default();
        messages(&mut parser, &[b"data: a\ndata: b"]);
        parser.restart();
        let found = messages(&mut parser, &[b"\xef\xbb\xbfdata: c\n\n"]);
        assert_eq!(found, [Some("c".to_owned())]);
    }

    #[test]
    fn an_event_has_a_largest_size() {
        let full = format!("data: {}\n\n", "a".repeat(LARGEST_MESSAGE));
        let mut parser = EventParser::default();
        let found = messages(&mut parser, &[full.as_bytes()]);
        assert_eq!(found[0].as_ref().unwrap().len(), LARGEST_MESSAGE);
        let line = format!(":{}", "a".repeat(LONGEST_LINE));
        let half = format!("data: {}\n", "a".repeat(LARGEST_MESSAGE / 2 - 1));
        for pieces in [vec![line.as_str()], vec![&half, &half, "data: a\n"]] {
            let mut parser = EventParser::default();
            let results = pieces.iter().map(|piece| {
                let mut bytes = Bytes::copy_from_slice(piece.as_bytes());
                parser.next(&mut bytes)
            });
            let results: Vec<_> = results.collect();
            let (last, before) = results.split_last().unwrap();
            assert!(before.iter().all(Result::is_ok));
            assert_eq!(last, &Err(too_large()));
        }
    }

    #[test]
    fn an_event_must_be_utf_8() {
        let mut bytes = Bytes::from_static(b"data: \xff\n\n");
        let error = EventParser::default().next(&mut bytes).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }
}
