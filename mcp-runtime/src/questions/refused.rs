//! Answers in the record of a task that stand for errors of its client.

use serde_json::{Value, json};

use crate::error::AskError;

/// The member of an answer in the record of a task that is the error of the client.
const REFUSED: &str = "mcp-runtime/refused";

/// Returns the answer that stands for the error of a client.
pub(crate) fn refused_answer(message: &str) -> Value {
    json!({ REFUSED: message })
}

/// Returns the error of a client that an answer stands for.
pub(super) fn refusal(answer: &Value) -> Option<AskError> {
    let message = answer.get(REFUSED)?.as_str()?;
    Some(AskError::Refused(message.to_owned()))
}
