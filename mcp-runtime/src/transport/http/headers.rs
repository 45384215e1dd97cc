//! The headers of the protocol, and the access of handlers to headers.
//!
//! Dispatch compares the headers with the message, because it parses the message.

use hyper::header::{AsHeaderName, HeaderMap, HeaderName};

use crate::protocol::{HeaderSource, Revision};

/// The header with the revision that the client speaks.
pub(super) static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The header with the id of the session that `initialize` opened.
pub(super) static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The header with the id of the last event that a client received on an interrupted stream.
pub(super) static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Returns the value of a header, without the white space around it.
///
/// # Errors
/// Returns an error if the header occurs more than once, or has characters other than visible ASCII.
pub(super) fn single(
    headers: &HeaderMap,
    name: impl AsHeaderName + AsRef<str> + Copy,
) -> Result<Option<&str>, String> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let name = name.as_ref();
    if values.next().is_some() {
        return Err(format!("The header {name} occurs more than once"));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(format!(
            "The header {name} has characters other than visible ASCII"
        )),
    }
}

/// Returns `true` if the version header declares a message of the stateless era.
pub(super) fn declare_stateless(headers: &HeaderMap) -> bool {
    single(headers, &PROTOCOL_VERSION)
        .ok()
        .flatten()
        .is_some_and(|name| Revision::stateless(name).is_some())
}

/// Checks that the version header, if present, names a supported revision. The session decides which revision applies.
///
/// # Errors
/// Returns an error if the revision is not supported.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), String> {
    match single(headers, &PROTOCOL_VERSION)? {
        Some(name) if Revision::from_name(name).is_none() => {
            let known = Revision::ROWS.map(Revision::name).join(", ");
            Err(format!(
                "MCP-Protocol-Version `{name}` is unknown; this server supports {known}"
            ))
        }
        _ => Ok(()),
    }
}

/// The headers of a request, as handlers see them.
pub(super) struct RequestHeaders(pub(super) HeaderMap);

impl HeaderSource for RequestHeaders {
    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the value of a header. A repeated `Mcp-*` header has no value, because the values may differ.
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() && is_protocol_header(name) {
            return None;
        }
        value.to_str().ok()
    }

    fn single(&self, name: &str) -> Result<Option<&str>, String> {
        single(&self.0, name)
    }
}

fn is_protocol_header(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("mcp-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_header_is_said_with_its_name() {
        let mut headers = HeaderMap::new();
        headers.append("mcp-name", "\u{e9}".parse().unwrap());
        for part in ["visible ASCII", "more than once"] {
            let said = single(&headers, "mcp-name").unwrap_err();
            assert!(said.contains("mcp-name") && said.contains(part), "{said}");
            headers.append("mcp-name", "two".parse().unwrap());
        }
    }

    #[test]
    fn handlers_do_not_see_a_repeated_header_of_the_protocol() {
        let mut headers = HeaderMap::new();
        for name in ["mcp-param-region", "x-forwarded-for"] {
            headers.append(name, "one".parse().unwrap());
            headers.append(name, "two".parse().unwrap());
        }
        let head = RequestHeaders(headers);
        assert_eq!(head.get("Mcp-Param-Region"), None);
        assert_eq!(head.get("X-Forwarded-For"), Some("one"));
        assert_eq!(head.get("not a header name"), None);
    }
}
