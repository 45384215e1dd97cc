//! What came in one piece: a message, or a batch of them in a session whose revision has batches.
//!
//! See <https://modelcontextprotocol.io/specification/2025-03-26/basic#batching>.

use std::sync::Arc;

use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, MessageKind, Refused, batch};
use crate::protocol::outline::Outline;
use crate::session::Session;

/// What came in one piece.
pub(crate) enum Incoming {
    One(Arc<Message>),
    /// At least one, each a message or the reason why it is none.
    Batch(Vec<Result<Arc<Message>, Refused>>),
}

/// Reads what came in one piece.
///
/// # Errors
/// It is neither a message nor a batch that the session may send.
pub(crate) fn read(
    bytes: Vec<u8>,
    depth: usize,
    session: Option<&Session>,
) -> Result<Incoming, Refused> {
    if !is_batch(&bytes) || !session.is_some_and(|session| session.revision.features().batches) {
        return Message::parse(bytes, depth).map(Incoming::One);
    }
    let parts = batch(bytes)?;
    let messages = parts.into_iter().map(|part| {
        let message = Message::parse(part, depth)?;
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

/// The error of a message that is longer than this.
pub(crate) fn too_long(limit: usize) -> RpcError {
    RpcError::invalid_request(format!("The message is longer than {limit} bytes"))
}

/// What becomes of a message that is longer than this: a response goes on, as an error, to whoever waits for it.
pub(crate) fn unread(outline: Outline, limit: usize) -> Result<Incoming, Refused> {
    Message::unread(outline, too_long(limit)).map(Incoming::One)
}

/// Whether the bytes begin an array.
pub(crate) fn is_batch(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"[")
}

/// The answer to a batch; `None` if nothing of it wants one.
pub(crate) fn join(replies: &[String]) -> Option<String> {
    (!replies.is_empty()).then(|| format!("[{}]", replies.join(",")))
}
