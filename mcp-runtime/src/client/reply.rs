//! The replies and errors of the in-process client.

use std::fmt;

use serde_json::Value;

/// The error of a request without a result.
///
/// ```
/// use mcp_runtime::{ClientError, prelude::*};
/// use serde_json::json;
///
/// /// Say hello.
/// #[tool]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("app", "1.0.0").with(components![hello]).client().await;
/// match client.call("hallo", json!({})).await {
///     Err(ClientError::Rpc { code, message, .. }) => assert_eq!((code, &*message), (-32602, "Unknown tool: `hallo`")),
///     other => panic!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
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
///
/// ```
/// use mcp_runtime::prelude::*;
/// use serde_json::json;
///
/// /// Divide two numbers.
/// #[tool]
/// async fn divide(a: f64, b: f64) -> Result<f64, ToolError> {
///     if b == 0.0 { Err(ToolError::new("`b` is zero")) } else { Ok(a / b) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("calc", "1.0.0").with(components![divide]).client().await;
/// let reply = client.call("divide", json!({ "a": 1, "b": 2 })).await?;
/// assert_eq!(reply.structured()["result"], 0.5);
/// let reply = client.call("divide", json!({ "a": 1, "b": 0 })).await?;
/// assert!(reply.is_error());
/// assert_eq!(reply.text(), "`b` is zero");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ToolReply(Value);

impl ToolReply {
    pub(crate) fn new(result: Value) -> Self {
        Self(result)
    }

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
///
/// ```
/// use mcp_runtime::{Completion, prelude::*};
///
/// /// Suggest a drink.
/// #[prompt]
/// async fn suggest(#[arg(complete = drinks)] likes: String) -> String {
///     format!("A guest likes {likes}. Suggest another drink.")
/// }
///
/// fn drinks(_: Completion) -> Vec<&'static str> {
///     vec!["latte", "tea"]
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("cafe", "1.0.0").with(components![suggest]).client().await;
/// let completed = client.complete("suggest", "likes", "").await?;
/// assert_eq!(completed.values, ["latte", "tea"]);
/// assert!(!completed.has_more);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// The suggested values.
    pub values: Vec<String>,
    /// `true` if there are more values than these.
    pub has_more: bool,
}
