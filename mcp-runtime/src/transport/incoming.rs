//! Incoming input: a single message, or a batch in a session whose revision has batches.
//!
//! See <https://modelcontextprotocol.io/specification/2025-03-26/basic#batching>.

use std::sync::Arc;

use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, MessageKind, Refused, batch, error_reply};
use crate::protocol::outline::{Outline, Outliner};
use crate::service::Held;
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

/// The length of the start of a reply that contains its id, in bytes.
const HEAD: usize = 512;

/// Returns the error reply that replaces a reply, with the id of that one.
pub(crate) fn instead_of(reply: &str, error: &RpcError) -> String {
    let head = reply.as_bytes();
    let outline = Outliner::read(&head[..HEAD.min(head.len())]);
    error_reply(outline.id.as_ref(), error)
}

/// The maximum size of the answer to a batch, in bytes.
const LONGEST_ANSWER: usize = 16 << 20;

/// The replies to a batch, which are sent together.
///
/// A reply that exceeds the limit, or the budget of unsent messages, is replaced by an error. The requests of the batch that
/// follow are not served.
#[derive(Default)]
pub(crate) struct Replies {
    text: String,
    held: Held,
    is_full: bool,
}

impl Replies {
    /// Creates an empty answer, which counts as held.
    pub(crate) fn new(held: Held) -> Self {
        Self {
            held,
            ..Self::default()
        }
    }

    /// Adds a reply.
    pub(crate) fn push(&mut self, reply: &str) {
        let fits = self.text.is_empty() || self.text.len() + reply.len() <= LONGEST_ANSWER;
        if fits && self.held.add(reply.len()) {
            self.append(reply);
        } else {
            self.is_full = true;
            self.append(&instead_of(reply, &full()));
        }
    }

    /// Answers a request with an error if the limit is reached. Returns `false` if the message must be served.
    pub(crate) fn refuse(&mut self, message: &Message) -> bool {
        let id = message.id().filter(|_| self.is_full);
        if let Some(id) = id {
            self.append(&error_reply(Some(id), &full()));
        }
        id.is_some()
    }

    fn append(&mut self, reply: &str) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text.push_str(reply);
    }

    /// Returns `true` if there are no replies.
    #[cfg(feature = "http")]
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the answer to the batch; `None` if it has no replies.
    pub(crate) fn take(&mut self) -> Option<String> {
        let mut text = std::mem::take(&mut self.text);
        self.held.clear();
        (!text.is_empty()).then(|| {
            text.push(']');
            text
        })
    }
}

/// Returns the error of a request whose reply does not fit into the answer to its batch.
fn full() -> RpcError {
    RpcError::overloaded(
        "The answer to the batch is too long with the reply to this request: send the request again outside of a batch",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Owner;
    use crate::service::Budget;

    fn reply(id: u32, bytes: usize) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":"{}"}}"#,
            "x".repeat(bytes)
        )
    }

    fn ids_and_errors(replies: &mut Replies) -> Vec<(u64, bool)> {
        let text = replies.take().expect("replies");
        let all: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
        let row = |reply: &serde_json::Value| {
            (
                reply["id"].as_u64().expect("an id"),
                reply["error"].is_object(),
            )
        };
        all.iter().map(row).collect()
    }

    #[test]
    fn an_answer_that_is_too_long_has_errors_and_serves_no_more() {
        let request = |text: &str| Message::parse(text.into(), 64).expect("a message");
        let next = request(r#"{"jsonrpc":"2.0","id":9,"method":"ping"}"#);
        let notification = request(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#);
        let budget = Budget::new(4 << 20);
        let held = || budget.held_by(Owner::Local);
        for (mut replies, size) in [
            (Replies::default(), LONGEST_ANSWER / 3),
            (Replies::new(held()), 700_000),
        ] {
            for id in 0..2 {
                replies.push(&reply(id, size));
                assert!(!replies.refuse(&next));
            }
            replies.push(&reply(2, 2 * size));
            assert!(replies.refuse(&next) && !replies.refuse(&notification));
            let expected = [(0, false), (1, false), (2, true), (9, true)];
            assert_eq!(ids_and_errors(&mut replies), expected);
        }
        let mut one = Replies::default();
        one.push(&reply(1, 2 * LONGEST_ANSWER));
        assert_eq!(ids_and_errors(&mut one), [(1, false)]);
        assert_eq!(one.take(), None);
    }
}
