//! The headers of the protocol: that they say what the body says, and how handlers look them up.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation>.
//! `Mcp-Param-*` belongs to tools and is checked in dispatch, where they are known.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName};

use crate::protocol::HeaderSource;
use crate::protocol::Revision;
use crate::protocol::error::RpcError;
use crate::protocol::header::decoded;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::params::{Meta, Params};

/// The revision that the client speaks.
pub(super) static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The session that `initialize` opened.
pub(super) static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The last event that a client has seen of a stream that broke.
pub(super) static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
static METHOD: HeaderName = HeaderName::from_static("mcp-method");
static NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Why a header that may be there once cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is there more than once, so that two readers may see two values.
    Repeated,
    /// It has characters other than visible ASCII.
    Characters,
}

impl Unreadable {
    /// What is wrong with the header of this name.
    pub(super) fn describe(self, name: &HeaderName) -> String {
        match self {
            Self::Repeated => format!("The header {name} is there more than once"),
            Self::Characters => {
                format!("The header {name} has characters other than visible ASCII")
            }
        }
    }
}

/// The value of a header that may be there once, without the white space around it.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Unreadable> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Unreadable::Repeated);
    }
    let text = value.to_str().map_err(|_| Unreadable::Characters)?;
    Ok(Some(text.trim()))
}

/// Whether the headers say what a stateless message says.
///
/// A request must have them all; of a notification only those are checked that are there. What the message itself
/// lacks is dispatch's to answer, and so is a version that is unknown in both places.
pub(super) fn agree(
    headers: &HeaderMap,
    message: &Message,
    params: &Params<'_>,
    meta: &Meta<'_>,
) -> Result<(), RpcError> {
    let Ok(version) = meta.protocol_version() else {
        return Ok(());
    };
    let mirror = Mirror {
        headers,
        required: matches!(message.kind(), Kind::Request(_)),
    };
    mirror.check(&PROTOCOL_VERSION, &version, plain)?;
    if Revision::stateless(&version).is_none() {
        return Ok(());
    }
    mirror.check(&METHOD, message.method(), plain)?;
    match name(message.method(), params) {
        Some(name) => mirror.check(&NAME, &name, decoded),
        None => Ok(()),
    }
}

/// What `Mcp-Name` repeats: only these methods have it.
fn name<'a>(method: &str, params: &Params<'a>) -> Option<Cow<'a, str>> {
    match method {
        "tools/call" | "prompts/get" => params.name().ok(),
        "resources/read" => params.uri().ok(),
        _ => None,
    }
}

/// The headers that repeat what the body says.
struct Mirror<'a> {
    headers: &'a HeaderMap,
    required: bool,
}

impl Mirror<'_> {
    fn check(
        &self,
        name: &HeaderName,
        in_body: &str,
        decode: fn(&str) -> Option<Cow<'_, str>>,
    ) -> Result<(), RpcError> {
        let value = single(self.headers, name)
            .map_err(|unreadable| RpcError::header_mismatch(unreadable.describe(name)))?;
        let Some(value) = value else {
            return if self.required {
                Err(mismatch(&format!(
                    "{name} is missing; the body says `{in_body}`"
                )))
            } else {
                Ok(())
            };
        };
        match decode(value) {
            Some(text) if text == in_body => Ok(()),
            Some(text) => Err(mismatch(&format!(
                "{name} is `{text}`, the body says `{in_body}`"
            ))),
            None => Err(mismatch(&format!("{name} is not valid base64 of UTF-8"))),
        }
    }
}

fn mismatch(detail: &str) -> RpcError {
    RpcError::header_mismatch(format!("Header mismatch: {detail}"))
}

/// A value that stands for itself.
#[allow(clippy::unnecessary_wraps)] // the signature is `decoded`'s
fn plain(value: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(value))
}

/// A request's headers, as handlers see them.
#[derive(Debug)]
pub(super) struct RequestHeaders(pub(super) HeaderMap);

impl HeaderSource for RequestHeaders {
    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value of a header. A repeated `Mcp-*` header has none: which of the two would it be?
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() && is_protocols_own(name) {
            return None;
        }
        value.to_str().ok()
    }
}

fn is_protocols_own(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("mcp-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_header_is_said_with_its_name() {
        let mut headers = HeaderMap::new();
        headers.append(&NAME, "\u{e9}".parse().unwrap());
        for part in ["visible ASCII", "more than once"] {
            let said = single(&headers, &NAME).unwrap_err().describe(&NAME);
            assert!(said.contains("mcp-name") && said.contains(part), "{said}");
            headers.append(&NAME, "two".parse().unwrap());
        }
    }

    #[test]
    fn handlers_do_not_see_a_repeated_header_of_the_protocol() {
        let mut headers = HeaderMap::new();
        for name in ["mcp-param-region", "x-forwarded-for"] {
            headers.append(name, "one".parse().unwrap());
            headers.append(name, "two".parse().unwrap());
        }
        let headers = RequestHeaders(headers);
        assert_eq!(headers.get("Mcp-Param-Region"), None);
        assert_eq!(headers.get("X-Forwarded-For"), Some("one"));
        assert_eq!(headers.get("not a header name"), None);
    }
}
