//! What a client gets for its requests.

use std::fmt;

use serde_json::Value;

/// Why a request has no result.
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
        /// What else the error says.
        data: Option<Value>,
    },
    /// The server's answer is none.
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

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolReply(pub(super) Value);

impl ToolReply {
    /// The structured content; null if there is none.
    pub fn structured(&self) -> &Value {
        self.0.get("structuredContent").unwrap_or(&Value::Null)
    }

    /// All texts, one a line.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .content()
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect();
        texts.join("\n")
    }

    /// The content blocks, as the wire has them.
    pub fn content(&self) -> &[Value] {
        self.0["content"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether the tool says that it failed.
    pub fn is_error(&self) -> bool {
        self.0["isError"] == true
    }

    /// The whole result, as the wire has it.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// What completes an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// The values to offer.
    pub values: Vec<String>,
    /// Whether there are more.
    pub has_more: bool,
}
