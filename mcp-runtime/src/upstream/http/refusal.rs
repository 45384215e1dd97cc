//! Responses with a status that is not a success.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use hyper::{Response, StatusCode};

use super::answer::{error_message, error_reply};
use super::shown::without_secrets;
use crate::upstream::transport::SendError;

/// The number of bytes that are read of the body.
const LARGEST: usize = 64 * 1024;

/// The number of characters of the body that an error shows.
const SHOWN: usize = 200;

/// A response with a status that is not a success.
pub(super) struct Refusal {
    status: StatusCode,
    location: Option<String>,
    is_html: bool,
    /// The start of the body.
    body: String,
}

/// Reads a refusal.
pub(super) async fn refusal(response: Response<Incoming>) -> Refusal {
    let status = response.status();
    let header = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let location = header(LOCATION);
    let is_html = header(CONTENT_TYPE).is_some_and(|media| media.starts_with("text/html"));
    let body = start(response.into_body()).await;
    Refusal {
        status,
        location,
        is_html,
        body,
    }
}

/// Reads the start of a body. A body that breaks off is as good as a short one.
async fn start(mut body: Incoming) -> String {
    let mut start = Vec::new();
    while start.len() < LARGEST
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Ok(data) = frame.into_data() {
            let taken = data.len().min(LARGEST - start.len());
            start.extend_from_slice(&data[..taken]);
        }
    }
    String::from_utf8_lossy(&start).into_owned()
}

impl Refusal {
    /// Returns the JSON-RPC error in the body as the response to the request with this id. A refusal of the credentials is
    /// not a response to a request, whatever its body is.
    pub(super) fn reply(&self, id: u64) -> Option<String> {
        let is_of_credentials = matches!(
            self.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        error_reply(&self.body, id).filter(|_| !is_of_credentials)
    }

    fn text(&self) -> String {
        if self.status.is_redirection() {
            let location = self.location.as_deref().unwrap_or_default();
            return format!(
                "it redirects to `{}`, and redirects are not followed: set the URL to that address",
                without_secrets(location)
            );
        }
        match error_message(&self.body) {
            Some(message) => message,
            None if self.is_html => String::new(),
            None => self.body.clone(),
        }
    }
}

/// Returns a refusal as an error. A body that repeats credentials of the request is shown without them.
pub(super) fn status_error(refusal: &Refusal, request: &HeaderMap) -> SendError {
    let text = without_credentials(refusal.text(), request);
    let words: Vec<_> = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let shown = words.join(" ").chars().take(SHOWN).collect();
    SendError::Status(refusal.status.as_u16(), shown)
}

fn without_credentials(mut text: String, request: &HeaderMap) -> String {
    for value in request.values().filter(|value| value.is_sensitive()) {
        let secret = String::from_utf8_lossy(value.as_bytes());
        let token = secret.split_once(' ').map_or("", |(_, token)| token);
        for part in [&secret, token] {
            if !part.is_empty() {
                text = text.replace(part, "[hidden]");
            }
        }
    }
    text
}
