//! Between transports and dispatch: the one small trait by which messages get in and replies get out.
//!
//! A transport knows nothing of tools, dispatch nothing of bytes and sockets; both know this.

mod limits;
mod origin;

use std::any::Any;
use std::sync::Arc;

pub use limits::Limits;
pub(crate) use origin::{Origin, next_connection};

use crate::protocol::Id;
#[cfg(feature = "http")]
use crate::protocol::error::Class;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, error_reply};
use crate::session::Session;

/// A future that owns all it needs, so that it can be polled in place and moved to a task of its own if it must wait.
pub type BoxFuture<T> = futures_core::future::BoxFuture<'static, T>;

/// What dispatch offers to transports.
pub(crate) trait Service: Send + Sync + 'static {
    /// Begins to serve a message. Handlers are polled once here: most are finished when this returns.
    fn handle(&self, exchange: Exchange) -> Handling;

    /// Sends a legacy session what belongs to no request of it, until what this gives is dropped. `None` if there is
    /// no room for another listener.
    fn listen(&self, session: &Session, outbound: Arc<dyn Outbound>) -> Option<Listening>;

    /// Ends a session with its questions, and its calls unless they came over a connection of their client.
    fn end_session(&self, session: &Session);

    /// Cancels the requests of one connection, or all of them.
    fn cancel(&self, connection: Option<u64>);

    /// Ends what would stay open for ever: the server is about to stop.
    fn close(&self);

    /// The limits that transports have to keep.
    fn limits(&self) -> &Limits;
}

/// A message with what its transport knows about where it came from.
pub(crate) struct Exchange {
    pub(crate) message: Arc<Message>,
    pub(crate) origin: Origin,
    /// The legacy session that the message belongs to, if there is one.
    pub(crate) session: Option<Session>,
    /// Where notifications about this message go while it is served.
    pub(crate) outbound: Arc<dyn Outbound>,
}

/// The way back to the client while a message is served.
pub(crate) trait Outbound: Send + Sync {
    /// Sends one message, a JSON text without line breaks; `false` if the client is so slow that there is no room.
    fn send(&self, message: String) -> bool;

    /// Whether messages that belong to different requests go this way.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether a request of the server would reach the client.
    fn can_ask(&self) -> bool {
        true
    }

    /// Closes the connection, where the client comes back for the rest: it has to be one of a revision with
    /// primed streams, since nobody comes back without the id of an event.
    fn cut(&self) {}
}

/// A session that is being told of changes, until this is dropped.
pub(crate) type Listening = Box<dyn Any + Send + Sync>;

/// What becomes of a message.
pub(crate) enum Handling {
    /// There is nothing to answer.
    Nothing,
    /// The answer. That of a notification, which only HTTP can send, is a refusal.
    Ready(Reply),
    /// The answer comes when the handler is done.
    Pending(Pending),
}

/// The answer to come; `None` if the request is cancelled. Dropping the future cancels the handler.
pub(crate) type Pending = BoxFuture<Option<Reply>>;

/// An answer, ready to be sent.
pub(crate) struct Reply {
    /// One JSON text without line breaks.
    pub(crate) text: String,
    /// What HTTP makes a status of.
    #[cfg(feature = "http")]
    pub(crate) class: Class,
    /// The session that `initialize` opened.
    pub(crate) opened: Option<Session>,
}

impl Reply {
    /// Returns the answer to a request that was served.
    pub(crate) fn new(text: String) -> Self {
        Self {
            text,
            #[cfg(feature = "http")]
            class: Class::Answered,
            opened: None,
        }
    }

    /// Returns an error; without an id if that could not be read, or if it refuses a notification.
    pub(crate) fn error(id: Option<&Id>, error: &RpcError) -> Self {
        tracing::debug!(%error, class = ?error.class, "a message is refused");
        Self {
            #[cfg(feature = "http")]
            class: error.class,
            ..Self::new(error_reply(id, error))
        }
    }
}
