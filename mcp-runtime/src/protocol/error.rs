//! Protocol errors: the codes of the specification, and their messages and data.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes>.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::capability::{Capability, TASKS, declarations};

/// Malformed JSON, or bytes that are not UTF-8.
pub(crate) const PARSE_ERROR: i32 = -32700;
/// JSON that is not a request, or a request that exceeds a limit.
pub(crate) const INVALID_REQUEST: i32 = -32600;
/// A method that this server does not support.
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
/// Parameters that do not fit the method.
pub(crate) const INVALID_PARAMS: i32 = -32602;
/// A failure inside the server.
pub(crate) const INTERNAL_ERROR: i32 = -32603;
/// HTTP headers that are missing or differ from the body (2026-07-28).
pub(crate) const HEADER_MISMATCH: i32 = -32020;
/// A capability that the request needs and the client lacks (2026-07-28).
pub(crate) const MISSING_CAPABILITY: i32 = -32021;
/// A protocol version that this server does not support (2026-07-28).
pub(crate) const UNSUPPORTED_VERSION: i32 = -32022;
/// A resource that does not exist (2025-11-25 and older).
pub(crate) const RESOURCE_NOT_FOUND: i32 = -32002;

/// The member of the data of an error that lists OAuth scopes.
const REQUIRED_SCOPES: &str = "requiredScopes";

/// The maximum length of a message, in bytes. It has space for a list of mistakes.
const MAX_MESSAGE: usize = 2000;

/// The class of a reply. HTTP derives its status from the class, since the code alone does not determine it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A result, or an error about the content of a well-formed request.
    Answered,
    /// A request that breaks a rule of the protocol.
    Malformed,
    /// A request for a component that the caller does not see. The reply is that to an unknown name.
    Concealed,
    /// A request for a method that does not exist.
    UnknownMethod,
    /// A request that the server has no capacity for at present.
    Overloaded,
    /// A request for which the caller lacks an OAuth scope, or that needs another caller.
    Forbidden,
    /// A request of a caller that sent too many. The caller may try again after this number of seconds.
    RateLimited(u64),
}

/// A JSON-RPC error.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RpcError {
    pub(crate) code: i32,
    /// One line of at most [`MAX_MESSAGE`] bytes.
    pub(crate) message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Box<Value>>,
    #[serde(skip)]
    pub(crate) class: Class,
}

impl RpcError {
    fn new(code: i32, class: Class, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: one_line(message.into()),
            data: None,
            class,
        }
    }

    /// Returns the error that another server, or a task, answered a request with.
    pub(crate) fn relayed(code: i32, message: String, data: Option<Value>) -> Self {
        let class = match code {
            MISSING_CAPABILITY => Class::Malformed,
            METHOD_NOT_FOUND => Class::UnknownMethod,
            _ => Class::Answered,
        };
        Self {
            data: data.map(Box::new),
            ..Self::new(code, class, message)
        }
    }

    pub(crate) fn parse(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(PARSE_ERROR, Class::Malformed, message)
    }

    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INVALID_REQUEST, Class::Malformed, message)
    }

    pub(crate) fn unknown_method(method: &str) -> Self {
        Self::new(
            METHOD_NOT_FOUND,
            Class::UnknownMethod,
            format!("Method not found: `{method}`"),
        )
    }

    /// An error for a call that must be a task, or must not be one (2025-11-25).
    pub(crate) fn wrong_augmentation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(METHOD_NOT_FOUND, Class::Answered, message)
    }

    pub(crate) fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INVALID_PARAMS, Class::Answered, message)
    }

    /// An error for a request that lacks metadata which its era requires: HTTP answers 400, not 200.
    pub(crate) fn missing_metadata(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INVALID_PARAMS, Class::Malformed, message)
    }

    pub(crate) fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(HEADER_MISMATCH, Class::Malformed, message)
    }

    pub(crate) fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        Self::new(
            UNSUPPORTED_VERSION,
            Class::Malformed,
            "Unsupported protocol version",
        )
        .with_data(serde_json::json!({ "supported": supported, "requested": requested }))
    }

    pub(crate) fn missing_capabilities(capabilities: &[Capability]) -> Self {
        let what: Vec<&str> = capabilities.iter().map(|one| one.what()).collect();
        Self::new(
            MISSING_CAPABILITY,
            Class::Malformed,
            format!("The client must be able to {}", what.join(" and to ")),
        )
        .with_data(serde_json::json!({ "requiredCapabilities": declarations(capabilities) }))
    }

    /// An error for a request that only a client with tasks can send.
    pub(crate) fn missing_tasks() -> Self {
        let message = format!("The client must declare the extension `{TASKS}` in this request");
        Self::new(MISSING_CAPABILITY, Class::Malformed, message).with_data(
            serde_json::json!({ "requiredCapabilities": { "extensions": { TASKS: {} } } }),
        )
    }

    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INTERNAL_ERROR, Class::Answered, message)
    }

    pub(crate) fn overloaded(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INTERNAL_ERROR, Class::Overloaded, message)
    }

    /// An error for a caller that lacks one of the OAuth scopes that an operation needs.
    pub(crate) fn insufficient_scope(needed: &[&str]) -> Self {
        let (noun, verb) = if needed.len() == 1 {
            ("scope", "is")
        } else {
            ("scopes", "are")
        };
        let message = format!(
            "Forbidden: the {noun} `{}` {verb} required",
            needed.join(" ")
        );
        Self::new(INVALID_REQUEST, Class::Forbidden, message)
            .with_data(serde_json::json!({ REQUIRED_SCOPES: needed }))
    }

    /// An error for a caller that may not send the request.
    pub(crate) fn forbidden(message: String) -> Self {
        Self::new(INVALID_REQUEST, Class::Forbidden, message)
    }

    /// Returns the OAuth scopes that the operation needs, if the caller lacks one of them.
    #[cfg(feature = "auth")]
    pub(crate) fn required_scopes(&self) -> Vec<String> {
        if self.class != Class::Forbidden {
            return Vec::new();
        }
        let data = self.data.as_deref();
        let scopes = data.and_then(|data| data[REQUIRED_SCOPES].as_array());
        let scopes = scopes.into_iter().flatten().filter_map(Value::as_str);
        scopes.map(str::to_owned).collect()
    }

    /// An error for a caller that sent too many requests, and may send the next after this number of seconds.
    pub(crate) fn rate_limited(message: impl Into<Cow<'static, str>>, seconds: u64) -> Self {
        Self::new(INTERNAL_ERROR, Class::RateLimited(seconds), message)
            .with_data(serde_json::json!({ "retryAfter": seconds }))
    }

    /// An error for a caller that uses its share of the server.
    pub(crate) fn too_many(message: impl Into<Cow<'static, str>>) -> Self {
        Self::rate_limited(message, 1)
    }

    pub(crate) fn resource_not_found(code: i32, uri: &str) -> Self {
        Self::new(code, Class::Answered, format!("Resource not found: {uri}"))
            .with_data(serde_json::json!({ "uri": uri }))
    }

    /// Marks the error about an unknown name if the component exists, and the caller does not see it. The reply stays the same.
    pub(crate) fn concealing(mut self, exists: bool) -> Self {
        if exists && self.class == Class::Answered {
            self.class = Class::Concealed;
        }
        self
    }

    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }
}

/// Escapes the control characters of a message, and shortens it. The message may repeat a name that the client chose.
fn one_line(message: Cow<'static, str>) -> Cow<'static, str> {
    const MORE: &str = "...";
    if message.len() <= MAX_MESSAGE && !message.contains(char::is_control) {
        return message;
    }
    let mut line = String::new();
    for character in message.chars() {
        let begin = line.len();
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        if line.len() > MAX_MESSAGE - MORE.len() {
            line.truncate(begin);
            line.push_str(MORE);
            break;
        }
    }
    line.into()
}

impl std::error::Error for RpcError {}

impl fmt::Display for RpcError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_the_message_and_the_code() {
        let shown = RpcError::invalid_params("`uri` is missing").to_string();
        assert_eq!(shown, "`uri` is missing (-32602)");
    }

    #[test]
    fn a_message_is_one_short_line_whatever_it_repeats() {
        let message = |text: &str| RpcError::unknown_method(text).message;
        assert_eq!(
            message("a\r\n\u{1b}b\u{85}"),
            "Method not found: `a\\r\\n\\u{1b}b\\u{85}`"
        );
        assert_eq!(message("ä\"\\"), "Method not found: `ä\"\\`");
        let fits = "ä".repeat((MAX_MESSAGE - message("").len()) / 2);
        assert_eq!(message(&fits), format!("Method not found: `{fits}`"));
        for long in ["ä".repeat(MAX_MESSAGE), "\n".repeat(MAX_MESSAGE)] {
            let message = message(&long);
            assert!(
                message.ends_with("...") && message.len() > MAX_MESSAGE - 10,
                "{message}"
            );
            assert!(message.len() <= MAX_MESSAGE && !message.contains('\n'));
        }
    }
}
