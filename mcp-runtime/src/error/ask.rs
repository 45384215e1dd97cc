//! Errors of questions.

use std::error::Error;
use std::fmt;

use crate::protocol::capability::Capability;

/// The reason why a question has no answer. `?` on it ends the call: the code after the question does not run.
///
/// ```
/// use mcp_runtime::{AskError, prelude::*};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Name {
///     name: String,
/// }
///
/// /// Greet the user, with or without a name.
/// #[tool]
/// async fn greet(context: Context) -> Result<String, ToolError> {
///     match context.elicit::<Name>("What is your name?").await {
///         Ok(Name { name }) => Ok(format!("Hello, {name}!")),
///         Err(AskError::Declined | AskError::Cancelled) => Ok("Hello!".to_owned()),
///         Err(error) => Err(error.into()),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The user declined.
    Declined,
    /// The user dismissed the question without an answer.
    Cancelled,
    /// The client lacks the capability for this question, or cannot be reached. If the call ends with this error, a
    /// client of 2026-07-28 receives the protocol's own error for a missing capability.
    CannotBeAsked(Capability),
    /// The client answered with an error that has this message.
    Refused(String),
    /// The client's response is malformed: it has a result and an error, or neither, or cannot be read. The text is the
    /// reason.
    Malformed(String),
    /// Three answers in a row were invalid: of another type, or outside the bounds of the form.
    Invalid,
    /// No answer arrived in time.
    TimedOut,
    /// No answer is possible any more: the client has disconnected, or the server is shutting down.
    Disconnected,
    /// Too many questions are open: at most 256 of one session, 512 of one caller and 4,096 in total are allowed.
    TooMany,
    /// The question, or the effect of [`Context::once`](crate::Context::once), was polled outside of its call: in a
    /// separate task, by a blocking thread, or within an effect. Ask within the handler, in an `async fn`.
    ///
    /// Functions that complete arguments or list resources cannot ask clients of 2026-07-28 and receive this error.
    OutsideCall,
    /// The client's revision does not support this form or this content for a model, or the URL is not allowed. The
    /// text is the reason.
    NoForm(String),
    /// An attempt of the call has begun an effect of [`Context::once`](crate::Context::once), and ended before its outcome was
    /// recorded: its replica stopped, or its client disconnected. It is not known whether the effect was carried out, and it is not
    /// repeated. The text is the key of the effect.
    ///
    /// Only effects of replicas that share a [store](crate::Server::cluster) end with this error.
    OutcomeUnknown(String),
    /// A value could not be serialised to JSON or deserialised from it.
    Json(String),
}

impl fmt::Display for AskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declined => formatter.write_str("the user declined"),
            Self::Cancelled => formatter.write_str("the user gave no answer"),
            Self::CannotBeAsked(capability) => {
                write!(formatter, "this client cannot {}", capability.what())
            }
            Self::Refused(reason) => write!(formatter, "the client refused to answer: {reason}"),
            Self::Malformed(reason) => {
                write!(formatter, "the client's response is malformed: {reason}")
            }
            Self::Invalid => formatter.write_str("no valid answer was given"),
            Self::TimedOut => formatter.write_str("no answer came in time"),
            Self::Disconnected => formatter.write_str("no answer is possible: the client has disconnected"),
            Self::TooMany => {
                formatter.write_str("too many questions are open already: answer those first")
            }
            Self::OutsideCall => formatter.write_str(
                "a question must be awaited in the `async fn` of its call, and not inside an effect",
            ),
            Self::NoForm(reason) => write!(formatter, "this cannot be asked for: {reason}"),
            Self::OutcomeUnknown(key) => write!(
                formatter,
                "it is not known whether the effect `{key}` was carried out, because the attempt that began it has ended: \
                 it is not repeated"
            ),
            Self::Json(reason) => formatter.write_str(reason),
        }
    }
}

impl Error for AskError {}
