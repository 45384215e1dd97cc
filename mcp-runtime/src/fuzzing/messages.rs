//! Lines, messages and the values of headers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::protocol::header::decoded;
use crate::protocol::jsonrpc::Message;
use crate::transport::lines::{Line, Lines};

/// The limit of a line. It is small, so that inputs reach it.
const LINE: usize = 64;
const DEPTH: usize = 16;

/// Splits bytes into lines. The first byte is the length of the pieces in which they arrive, which makes no difference.
pub fn framing(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let whole = lines(bytes, bytes.len().max(1));
    assert_eq!(lines(bytes, usize::from(*size).max(1)), whole);
    for line in whole {
        if let Line::Complete(line) = line {
            assert!(line.len() <= LINE && !line.contains(&b'\n'));
        }
    }
}

fn lines(bytes: &[u8], size: usize) -> Vec<Line> {
    let mut lines = Lines::new(LINE);
    let mut found = Vec::new();
    for piece in bytes.chunks(size) {
        lines.feed(piece, |line| found.push(line));
    }
    lines.finish(|line| found.push(line));
    found
}

/// Parses a message. What is accepted is JSON, and what is no JSON is not accepted.
pub fn envelope(data: &[u8]) {
    let parsed = Message::parse(data.to_vec(), DEPTH);
    let Ok(message) = parsed else {
        return;
    };
    let is_json = serde_json::from_str::<IgnoredAny>(message.text()).is_ok();
    assert!(is_json, "accepted: {}", message.text());
    let _ = (message.kind(), message.id(), message.method());
    if let Ok(params) = message.params() {
        let meta = params.meta();
        let _ = (meta.is_stateless(), meta.protocol_version());
        let _ = (params.name(), params.uri(), params.cursor());
    }
}

/// Decodes the value of a header. Every text can be encoded in base64, and decodes to itself.
pub fn header_sentinel(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let encoded = format!("=?base64?{}?=", STANDARD.encode(text));
    assert_eq!(decoded(&encoded).as_deref(), Some(text));
    match decoded(text) {
        Some(Cow::Borrowed(plain)) => assert_eq!(plain, text),
        Some(Cow::Owned(_)) | None => {
            assert!(text.starts_with("=?base64?") && text.ends_with("?="));
        }
    }
}
