//! Why a question has no answer.

use std::error::Error;
use std::fmt;

use crate::protocol::capability::Capability;

/// Why a question has no answer. `?` on it ends the call: the code after the question does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The user said no.
    Declined,
    /// The user went away without an answer.
    Cancelled,
    /// This client cannot be asked this, or there is no way to it. If the call ends with this error, a client of 2026-07-28
    /// gets the protocol's own for it.
    CannotBeAsked(Capability),
    /// The client answered with an error, whose message this is.
    Refused(String),
    /// The client's response to the question is none: it has a result and an error, or neither, or cannot be read. The text says
    /// what is wrong with it.
    Malformed(String),
    /// Three answers were not what was asked for: of another type, or beyond the bounds of the form.
    Invalid,
    /// No answer came in time.
    TimedOut,
    /// Nobody answers any more: the client has gone, or the server ends.
    Disconnected,
    /// Too many questions are open: 256 of one session, or 4,096 of all.
    TooMany,
    /// The question, or the effect of [`Context::once`](crate::Context::once), was polled outside of its call: in a task of
    /// its own, by a thread that blocks, or within an effect. Ask within the handler, and in an `async fn`.
    OutsideCall,
    /// The client's revision of the protocol cannot ask for this form or show this content to a model, or nobody should be sent to
    /// this page; the text says why.
    NoForm(String),
    /// A value could not be written as JSON, or read again.
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
            Self::Invalid => formatter.write_str("no answer was what was asked for"),
            Self::TimedOut => formatter.write_str("no answer came in time"),
            Self::Disconnected => formatter.write_str("nobody answers: the client has gone"),
            Self::TooMany => {
                formatter.write_str("too many questions are open already: answer those first")
            }
            Self::OutsideCall => formatter.write_str(
                "a question must be awaited within the `async fn` of its call, and in no effect",
            ),
            Self::NoForm(reason) => write!(formatter, "this cannot be asked for: {reason}"),
            Self::Json(reason) => formatter.write_str(reason),
        }
    }
}

impl Error for AskError {}
