//! The result of a call from the response of the API.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::lazy::Schema;
use crate::content::{Audio, Content, EmbeddedResource, Image, ResourceContents, ToolResult};

/// The maximum length of the part of an error's body that a model sees, in bytes.
const LONGEST_EXCERPT: usize = 2000;

/// The maximum number of mistakes of a response that a model sees.
const MOST_MISTAKES: usize = 3;

/// The schema of a result.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) schema: Schema,
    /// `true` if a value is wrapped in `{"result": ..}`.
    pub(super) wraps: bool,
}

impl Output {
    /// Returns structured content.
    ///
    /// # Errors
    /// Returns the mistakes if the schema does not allow the value.
    fn structured(&self, value: Value) -> Result<Value, Vec<String>> {
        let value = if self.wraps {
            json!({ "result": value })
        } else {
            value
        };
        let mistakes = self.schema.mistakes(&value, "response");
        if mistakes.is_empty() {
            Ok(value)
        } else {
            Err(mistakes)
        }
    }
}

/// Returns the content of a response: text, an image, a sound, or another file as a resource at `uri`.
fn content(headers: &HeaderMap, body: &Bytes, uri: &str) -> Content {
    let media = media_type(headers);
    let is = |kind: &str| media.starts_with(kind);
    if is("image/") && media != "image/svg+xml" {
        return Image::new(body.to_vec(), media).into();
    }
    if is("audio/") {
        return Audio::new(body.to_vec(), media).into();
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(&media) => Content::text(text),
        Ok(text) if media.is_empty() => Content::text(text),
        _ if is_text(&media) => Content::text(String::from_utf8_lossy(body)),
        _ => {
            let contents = ResourceContents::bytes(body.to_vec()).mime(media_or_bytes(media));
            EmbeddedResource::new(uri, contents).into()
        }
    }
}

fn media_or_bytes(media: String) -> String {
    if media.is_empty() {
        "application/octet-stream".to_owned()
    } else {
        media
    }
}

/// Returns the media type of a message without parameters, in lower case, or an empty text.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let media = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let media = media.unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// Returns `true` for a media type of JSON.
pub(super) fn is_json(media: &str) -> bool {
    media == "application/json" || media.ends_with("+json") || media == "text/json"
}

fn is_text(media: &str) -> bool {
    media.starts_with("text/")
        || is_json(media)
        || media.ends_with("+xml")
        || media.ends_with("yaml")
        || matches!(
            media,
            "application/xml"
                | "application/javascript"
                | "application/x-ndjson"
                | "application/x-www-form-urlencoded"
                | "application/graphql"
        )
}

/// Returns the body of a response as JSON.
pub(super) fn json(response: &Response<Bytes>) -> Option<Value> {
    let is_json = is_json(&media_type(response.headers()));
    is_json.then(|| serde_json::from_slice(response.body()).ok())?
}

/// Returns the result of a response that is no error. `uri` is that of the request, without the query.
pub(super) fn result(
    response: &Response<Bytes>,
    value: Option<Value>,
    output: Option<&Output>,
    uri: &str,
) -> ToolResult {
    let (headers, body) = (response.headers(), response.body());
    let mut result = ToolResult::new();
    if body.is_empty() {
        let location = headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let at = location.map(|it| format!(", at {it}")).unwrap_or_default();
        result = result.content(format!("{}{at}", response.status()));
    } else {
        result = result.content(content(headers, body, uri));
    }
    let Some(output) = output else {
        return result;
    };
    let structured = match value {
        Some(value) => output.structured(value),
        None => Ok(json!({})),
    };
    match structured.map(|value| result.structured(&value)) {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => ToolResult::error(error.to_string()),
        Err(mistakes) => {
            let mistakes = mistakes[..mistakes.len().min(MOST_MISTAKES)].join("\n- ");
            ToolResult::error(format!(
                "The API has carried out the request with the status {}. Do not repeat it. Its response does not have the form that \
                 its specification describes:\n- {mistakes}\nThe response follows.",
                response.status()
            ))
            .content(content(headers, body, uri))
        }
    }
}

/// Returns the text of a response that is an error: the status, the words of the specification and those of the API.
pub(super) fn failure(response: &Response<Bytes>, described: Option<&str>) -> String {
    let status = response.status();
    // Writing to a string never fails.
    let mut text = format!("The API answers with the status {status}.");
    if let Some(described) = described.map(str::trim).filter(|it| !it.is_empty()) {
        let _ = write!(text, " The specification says: {described}");
    }
    let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
    if status.is_redirection()
        && let Some(location) = header(LOCATION)
    {
        let _ = write!(
            text,
            " It redirects to {location}, and redirects are not followed."
        );
    }
    if let Some(after) = header(RETRY_AFTER) {
        let _ = write!(text, " Try again after {after} (`Retry-After`).");
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        text.push_str(" The credentials of this server are missing or not sufficient, which its operator can change.");
    }
    if let Some(message) = message(response) {
        text.push('\n');
        text.push_str(&message);
    }
    text
}

/// Returns what the API says about an error: the members of a problem (RFC 9457) or another JSON text, or the beginning of a text.
fn message(response: &Response<Bytes>) -> Option<String> {
    let media = media_type(response.headers());
    let body = response.body();
    if body.is_empty() || !(is_text(&media) || media.is_empty()) {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || (media == "text/html" && text.len() > LONGEST_EXCERPT) {
        return None;
    }
    Some(shortened(text, LONGEST_EXCERPT))
}

/// Returns at most this number of bytes of a text.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = (0..=longest).rev().find(|it| text.is_char_boundary(*it));
    format!(
        "{} [...]",
        text.get(..end.unwrap_or_default()).unwrap_or_default()
    )
}
