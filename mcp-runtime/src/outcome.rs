//! What a request comes to, before it is written for a client.

use std::sync::Arc;

use serde_json::Value;

use crate::content::{Message, ResourceContents, ToolResult};
use crate::protocol::cache::Cache;
use crate::protocol::error::RpcError;
use crate::registry::{Completions, Page, PromptEntry, ResourceEntry};
use crate::session::Session;

/// What a request comes to. It names no request, so that it can be observed, kept, and sent later.
pub(crate) enum Outcome {
    /// The result of a tool. A failure in it is among its content already.
    Tool {
        result: ToolResult,
        is_error: bool,
    },
    /// The contents of a resource that was read at this URI.
    Read {
        resource: Arc<ResourceEntry>,
        uri: String,
        contents: Vec<ResourceContents>,
        cache: Cache,
    },
    /// The messages of a prompt.
    Prompt {
        prompt: Arc<PromptEntry>,
        messages: Vec<Message>,
    },
    Completion(Completions),
    /// A page of a list, which is called so.
    List(&'static str, Page),
    /// The questions that the client has to answer, and the state, as members of an object.
    InputRequired(String),
    /// What the server says it can do, to `server/discover`.
    Discovered(Value),
    /// The same to `initialize`, which opened a session.
    Initialized(Value, Session),
    /// The end of the `subscriptions/listen` request with this id.
    Unsubscribed(Value),
    /// Nothing but that it is done.
    Empty,
    Error(RpcError),
}
