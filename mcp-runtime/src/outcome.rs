//! The outcome of a request, before it is encoded for a client.

use std::sync::Arc;

use serde_json::Value;

use crate::content::{Completions, Content, Message, ResourceContents, ToolResult};
#[cfg(feature = "audit")]
use crate::error::ToolError;
use crate::protocol::cache::Cache;
#[cfg(feature = "audit")]
use crate::protocol::error::Class;
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
    /// The task that a call has become, as the members of a JSON object.
    TaskCreated(String),
    /// The state of a task, as the members of a JSON object.
    Task(String),
    /// The acknowledgement of a request about a task.
    TaskAcknowledged,
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
    /// `true` if the page depends on the caller, so that it is not for shared caches.
    pub(crate) is_private: bool,
    /// `true` for one definition in place of a list. The text is empty if a layer has removed it.
    #[cfg(feature = "skills")]
    pub(crate) is_single: bool,
}

impl Page {
    /// Returns the definitions.
    pub(crate) fn definitions(&self) -> Vec<Value> {
        serde_json::from_str(&format!("[{}]", self.items)).unwrap_or_default()
    }

    /// Replaces the definitions by those that a layer has chosen, which may depend on the caller.
    pub(crate) fn set_definitions(&mut self, definitions: &[Value]) {
        self.is_private = true;
        #[cfg(feature = "skills")]
        let definitions = if self.is_single && definitions.len() != 1 {
            &[]
        } else {
            definitions
        };
        let items: Vec<String> = definitions.iter().map(Value::to_string).collect();
        self.items = items.join(",");
    }
}

impl Outcome {
    /// Returns `true` if a tool was not called because its caller has sent too many calls.
    #[cfg(feature = "audit")]
    pub(crate) fn is_refused_call(&self) -> bool {
        let failure = self.tool_failure();
        failure.is_some_and(|error| error.retry_after().is_some())
    }

    /// Returns `true` if the request is one for a component that the caller does not see.
    #[cfg(feature = "audit")]
    pub(crate) fn conceals(&self) -> bool {
        self.tool_failure().is_some_and(ToolError::is_concealed)
            || self.error().is_some_and(|it| it.class == Class::Concealed)
    }

    #[cfg(feature = "audit")]
    fn tool_failure(&self) -> Option<&ToolError> {
        match self {
            Self::Tool { result, .. } => result.failure.as_ref(),
            _ => None,
        }
    }

    /// Returns the outcome itself, or the error of a call that exceeded its timeout.
    pub(crate) fn inner(&self) -> &Self {
        match self {
            Self::TimedOut(error) => error.inner(),
            _ => self,
        }
    }

    /// Returns the outcome itself, or the error of a call that exceeded its timeout, to change it.
    pub(crate) fn inner_mut(&mut self) -> &mut Self {
        match self {
            Self::TimedOut(error) => error.inner_mut(),
            _ => self,
        }
    }

    /// Returns the content blocks, the contents of a resource and the messages. An outcome has one of them.
    fn parts(&self) -> (&[Content], &[ResourceContents], &[Message]) {
        match self {
            Self::Tool { result, .. } => (&result.content, &[], &[]),
            Self::Read { contents, .. } => (&[], contents, &[]),
            Self::Prompt { messages, .. } => (&[], &[], messages),
            _ => (&[], &[], &[]),
        }
    }

    /// Returns all texts of the result.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (blocks, contents, messages) = self.parts();
        let blocks = blocks.iter().chain(messages.iter().map(|it| &it.content));
        let texts = blocks.filter_map(Content::inner_text);
        let texts = texts.chain(contents.iter().filter_map(ResourceContents::inner_text));
        texts.map(String::as_str)
    }

    /// Returns all texts of the result, to change them.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let (blocks, contents, messages): (
            &mut [Content],
            &mut [ResourceContents],
            &mut [Message],
        ) = match self {
            Self::Tool { result, .. } => (&mut result.content, &mut [], &mut []),
            Self::Read { contents, .. } => (&mut [], contents, &mut []),
            Self::Prompt { messages, .. } => (&mut [], &mut [], messages),
            _ => (&mut [], &mut [], &mut []),
        };
        let messages = messages.iter_mut().map(|it| &mut it.content);
        let texts = blocks.iter_mut().chain(messages);
        let texts = texts.filter_map(Content::inner_text_mut);
        texts.chain(contents.iter_mut().filter_map(|it| it.inner_text_mut()))
    }

    /// Returns the size of the result in bytes, of texts before they are escaped as JSON.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Tool { result, .. } => result.bytes(),
            Self::Completion(completions) => completions.values.iter().map(String::len).sum(),
            Self::List(_, page) => page.items.len(),
            _ => {
                let (_, contents, messages) = self.parts();
                let contents = contents.iter().map(ResourceContents::size);
                let messages = messages.iter().map(|it| it.content.bytes());
                contents.chain(messages).sum()
            }
        }
    }

    /// Returns a copy of the result of a component or list, or `None` for an error or any other outcome.
    pub(crate) fn copy(&self) -> Option<Self> {
        Some(match self {
            Self::Tool {
                result,
                is_error: false,
            } => Self::Tool {
                result: result.copy()?,
                is_error: false,
            },
            Self::Read {
                mime,
                uri,
                contents,
                cache,
            } => Self::Read {
                mime: mime.clone(),
                uri: uri.clone(),
                contents: contents.clone(),
                cache: *cache,
            },
            Self::Prompt {
                description,
                messages,
            } => Self::Prompt {
                description: description.clone(),
                messages: messages.clone(),
            },
            Self::Completion(completions) => Self::Completion(completions.clone()),
            Self::List(list, page) => Self::List(list, page.clone()),
            _ => return None,
        })
    }

    /// Returns the JSON-RPC error, if the request ended with one.
    pub(crate) fn error(&self) -> Option<&RpcError> {
        match self {
            Self::Error(error) => Some(error),
            Self::TimedOut(outcome) => outcome.error(),
            _ => None,
        }
    }

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
///
/// ```
/// use mcp_runtime::{CallOutcome, LayeredCall, Next, OutcomeKind};
///
/// /// Logs calls that take too long.
/// async fn slow(call: LayeredCall, next: Next) -> CallOutcome {
///     let outcome = next.run().await;
///     if outcome.kind() == OutcomeKind::TimedOut {
///         eprintln!("{} was stopped", call.name());
///     }
///     outcome
/// }
/// ```
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
