//! The outcome of a request, before it is encoded for a client.

use std::sync::Arc;

use serde_json::Value;

use crate::content::{Completions, Message, ResourceContents, ToolResult};
use crate::protocol::cache::Cache;
use crate::protocol::error::RpcError;
use crate::session::Session;

/// The outcome of a request. It does not contain the request's id, so that it can be observed, stored, and sent later.
pub(crate) enum Outcome {
    /// The result of a tool. If the tool failed, its error message is already part of the content.
    Tool {
        result: ToolResult,
        is_error: bool,
    },
    /// The contents of a resource, read at this URI.
    Read {
        /// The declared MIME type of the resource.
        mime: Option<Arc<str>>,
        uri: String,
        contents: Vec<ResourceContents>,
        cache: Cache,
    },
    /// The messages of a prompt.
    Prompt {
        description: Option<Arc<str>>,
        messages: Vec<Message>,
    },
    Completion(Completions),
    /// The name of a list, and a page of it.
    List(&'static str, Page),
    /// The questions that the client has to answer, and the state, as the members of a JSON object.
    InputRequired(String),
    /// The result of `server/discover`: the server's capabilities.
    Discovered(Value),
    /// The result of `initialize`, with the session that it opened.
    Initialized(Value, Session),
    /// The end of the `subscriptions/listen` request with this id.
    Unsubscribed(Value),
    /// An empty result.
    Empty,
    Error(RpcError),
    /// The error of a call that exceeded its timeout.
    TimedOut(Box<Self>),
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The definitions, as a JSON array without its brackets.
    pub(crate) items: String,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

impl Outcome {
    pub(crate) fn kind(&self) -> OutcomeKind {
        match self {
            Self::Tool { is_error: true, .. } => OutcomeKind::ToolError,
            Self::Error(_) => OutcomeKind::ProtocolError,
            Self::InputRequired(_) => OutcomeKind::InputRequired,
            Self::TimedOut(_) => OutcomeKind::TimedOut,
            _ => OutcomeKind::Ok,
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// The request succeeded.
    Ok,
    /// A tool failed: its result has `isError`.
    ToolError,
    /// The reply is a JSON-RPC error.
    ProtocolError,
    /// The client cancelled the request, or disconnected.
    Cancelled,
    /// The call exceeded its timeout.
    TimedOut,
    /// The reply contains questions, which the client answers in another request.
    InputRequired,
}

impl OutcomeKind {
    /// Returns the name in logs and metrics: `ok`, `tool_error`, `protocol_error`, `cancelled`, `timed_out` or
    /// `input_required`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::ProtocolError => "protocol_error",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::InputRequired => "input_required",
        }
    }
}
