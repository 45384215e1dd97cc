//! The bodies of responses that are one message.

use std::fmt;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::headers::JSON;
use crate::error::chain;
use crate::upstream::transport::{LARGEST_MESSAGE, SendError};

/// The largest memory that is reserved for a body before it is received, in bytes.
const CHUNK: usize = 64 * 1024;

/// The media type of a body.
pub(super) enum Media {
    Json,
    EventStream,
    /// The description of another body, or of one without a type.
    Other(String),
}

impl fmt::Display for Media {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Json => "application/json",
            Self::EventStream => "text/event-stream",
            Self::Other(found) => found,
        })
    }
}

impl Media {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Self::Other("no content type".to_owned());
        };
        if value == JSON {
            return Self::Json;
        }
        let value = value.to_str().unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::EventStream
        } else {
            let shown: String = essence.chars().take(100).collect();
            Self::Other(format!("the content type {shown:?}"))
        }
    }
}

/// Reads a body that is a text.
pub(super) async fn text(body: Incoming) -> Result<String, SendError> {
    String::from_utf8(whole(body).await?)
        .map_err(|_| SendError::Invalid("the response is not UTF-8".to_owned()))
}

/// Returns the response to the request with this id that a body stands for which is not this response.
///
/// # Errors
/// Returns an error if it stands for none.
#[cold]
pub(super) fn repaired(body: &str, id: u64) -> Result<String, SendError> {
    error_reply(body, id).ok_or_else(|| {
        SendError::Invalid(if body.trim_start().starts_with('[') {
            "the response is an array: batches are not supported".to_owned()
        } else {
            format!("the body is not the JSON-RPC response to the request {id}")
        })
    })
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, SendError> {
    let length = usize::try_from(body.size_hint().lower()).unwrap_or(LARGEST_MESSAGE);
    let mut whole = Vec::with_capacity(length.min(CHUNK));
    // A body of a known length needs no further step to see its end.
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| {
            SendError::Unreachable(format!(
                "the connection broke before the end of the response: {}",
                chain(&error)
            ))
        })?;
        let bytes = frame.into_data().unwrap_or_default();
        if whole.len() + bytes.len() > LARGEST_MESSAGE {
            return Err(SendError::Invalid(format!(
                "the response is larger than {LARGEST_MESSAGE} bytes"
            )));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}

/// A JSON-RPC error response.
#[derive(Deserialize)]
struct ErrorResponse<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    error: &'a RawValue,
}

/// Returns the JSON-RPC error response in a body, as the response to the request with this id. Servers that refuse a
/// request before they read its id answer with another id or none.
pub(super) fn error_reply(body: &str, id: u64) -> Option<String> {
    let error = error_object(body)?;
    Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
}

/// Returns the message of the JSON-RPC error response in a body.
pub(super) fn error_message(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let error: Error = serde_json::from_str(error_object(body)?).ok()?;
    Some(error.message)
}

fn error_object(body: &str) -> Option<&str> {
    let response: ErrorResponse<'_> = serde_json::from_str(body).ok()?;
    let error = response.error.get();
    (response.jsonrpc == "2.0" && error.starts_with('{')).then_some(error)
}
