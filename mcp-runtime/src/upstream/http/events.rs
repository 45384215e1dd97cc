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
        let (name, value) = match memchr(b':', text) {
            Some(colon) => (&text[..colon], &text[colon + 1..]),
            None => (text, &[][..]),
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
        Ok(None)
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
