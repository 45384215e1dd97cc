//! The replies and errors of the in-process client.

use std::fmt;

use serde_json::Value;

/// The error of a request without a result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClientError {
    /// The server could not be built or started.
    Server(String),
    /// The server answered with a JSON-RPC error.
    Rpc {
        /// The error's code.
        code: i64,
        /// The error's message.
        message: String,
        /// The error's additional data.
        data: Option<Value>,
    },
    /// The server's reply violates the protocol.
    Protocol(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(message) | Self::Protocol(message) => formatter.write_str(message),
            Self::Rpc { code, message, .. } => write!(formatter, "{message} ({code})"),
        }
    }
}

impl std::error::Error for ClientError {}

/// The reply of a tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolReply(pub(super) Value);

impl ToolReply {
    /// Returns the structured content, or null if there is none.
    pub fn structured(&self) -> &Value {
        self.0.get("structuredContent").unwrap_or(&Value::Null)
    }

    /// Returns the texts of all content blocks, joined by line breaks.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .content()
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect();
        texts.join("\n")
    }

    /// Returns the content blocks, in their wire format.
    pub fn content(&self) -> &[Value] {
        self.0["content"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns `true` if the tool reported a failure.
    pub fn is_error(&self) -> bool {
        self.0["isError"] == true
    }

    /// Returns the whole result, in its wire format.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// The completions of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// The suggested values.
    pub values: Vec<String>,
    /// `true` if there are more values than these.
    pub has_more: bool,
}
