//! Incoming input: a single message, or a batch in a session whose revision has batches.
//!
//! See <https://modelcontextprotocol.io/specification/2025-03-26/basic#batching>.

use std::sync::Arc;

use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, MessageKind, Refused, batch};
use crate::protocol::outline::Outline;
use crate::session::Session;

/// A single message or a batch.
pub(crate) enum Incoming {
    One(Arc<Message>),
    /// At least one element: a message, or the error of an invalid one.
    Batch(Vec<Result<Arc<Message>, Refused>>),
}

/// Parses a message or a batch.
///
/// # Errors
/// Returns an error if the bytes are neither a message nor a batch that the session may send.
pub(crate) fn read(
    bytes: Vec<u8>,
    depth: usize,
    session: Option<&Session>,
) -> Result<Incoming, Refused> {
    if !is_batch(&bytes) || !session.is_some_and(|session| session.revision.features().batches) {
        return Message::parse(bytes, depth).map(Incoming::One);
    }
    let elements = batch(bytes)?;
    let messages = elements.into_iter().map(|element| {
        let message = Message::parse(element, depth)?;
        match message.kind() {
            MessageKind::Request(id) if message.method() == "initialize" => Err(Refused {
                id: Some(id.clone()),
                error: RpcError::invalid_request("`initialize` must not be part of a batch"),
            }),
            _ => Ok(message),
        }
    });
    Ok(Incoming::Batch(messages.collect()))
}

/// Returns the error of a message that is longer than `limit` bytes.
pub(crate) fn too_long(limit: usize) -> RpcError {
    RpcError::invalid_request(format!("The message is longer than {limit} bytes"))
}

/// Converts the outline of a message that is longer than `limit` bytes.
///
/// A response becomes an error response, so that the question that waits for it ends. Every other message is refused.
pub(crate) fn from_outline(outline: Outline, limit: usize) -> Result<Incoming, Refused> {
    Message::unread(outline, too_long(limit)).map(Incoming::One)
}

/// Returns `true` if the bytes start with an array.
pub(crate) fn is_batch(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"[")
}

/// Joins the replies to a batch; `None` if there are none.
pub(crate) fn join(replies: &[String]) -> Option<String> {
    (!replies.is_empty()).then(|| format!("[{}]", replies.join(",")))
}
