//! Why a call has no result.

use super::message::ErrorReply;
use super::transport::SendError;
use crate::error::{AskError, ToolError};
use crate::protocol::error::{HEADER_MISMATCH, RpcError, UNSUPPORTED_VERSION};

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error.
    Reply(ErrorReply),
    /// The server did not answer.
    Unavailable(String),
    /// A question of the server was not answered.
    Ask(AskError),
    /// No request could be made.
    Own(ToolError),
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::Ask(error)
    }
}

impl Failure {
    /// Returns the error for the client, in a message about the server of this name.
    pub(super) fn into_error(self, name: &str) -> ToolError {
        match self {
            Self::Reply(error) => match i32::try_from(error.code) {
                // These are about the messages between this server and the other one.
                Ok(HEADER_MISMATCH | UNSUPPORTED_VERSION) | Err(_) => ToolError::new(format!(
                    "The server `{name}` refuses the call: {}",
                    error.message
                )),
                Ok(code) => ToolError::relayed(RpcError::relayed(code, error.message, error.data)),
            },
            Self::Unavailable(why) => {
                ToolError::new(format!("The server `{name}` is not available: {why}"))
            }
            Self::Ask(error) => error.into(),
            Self::Own(error) => error,
        }
    }
}

pub(super) fn lost(error: &SendError) -> Failure {
    Failure::Unavailable(error.to_string())
}

pub(super) fn malformed(error: &serde_json::Error) -> Failure {
    Failure::Unavailable(format!("its result is malformed: {error}"))
}
