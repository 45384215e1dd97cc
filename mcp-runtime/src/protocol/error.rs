//! Protocol errors: the codes of the specification, and their messages and data.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes>.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::capability::{Capability, declarations};

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

/// The class of a reply. HTTP derives its status from the class, since the code alone does not determine it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A result, or an error about the content of a well-formed request.
    Answered,
    /// A request that breaks a rule of the protocol.
    Malformed,
    /// A request for a method that does not exist.
    UnknownMethod,
    /// A request that the server has no capacity for at present.
    Overloaded,
}

/// A JSON-RPC error.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RpcError {
    pub(crate) code: i32,
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
            message: message.into(),
            data: None,
            class,
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

    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INTERNAL_ERROR, Class::Answered, message)
    }

    pub(crate) fn overloaded(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INTERNAL_ERROR, Class::Overloaded, message)
    }

    pub(crate) fn resource_not_found(code: i32, uri: &str) -> Self {
        Self::new(code, Class::Answered, format!("Resource not found: {uri}"))
            .with_data(serde_json::json!({ "uri": uri }))
    }

    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }
}

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
}
