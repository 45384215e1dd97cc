//! Between transports and dispatch: the one small trait by which messages get in and replies get out.
//!
//! A transport knows nothing of tools, dispatch nothing of bytes and sockets; both know this.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::error::Class;
use crate::protocol::jsonrpc::Message;
use crate::protocol::{HeaderSource, Id};
use crate::session::{Session, Sessions};

/// A future that owns all it needs, so that it can be polled in place and moved to a task of its own if it must wait.
pub type BoxFuture<T> = futures_core::future::BoxFuture<'static, T>;

/// What dispatch offers to transports.
pub(crate) trait Service: Send + Sync + 'static {
    /// Begins to serve a message. Handlers are polled once here: most are finished when this returns.
    fn handle(&self, exchange: Exchange) -> Handling;

    /// Sends a legacy session what belongs to no request of it, until what this gives is dropped. `None` if there is
    /// no room for another listener.
    fn listen(&self, session: &Session, outbound: Arc<dyn Outbound>) -> Option<Listening>;

    /// Ends what would stay open for ever: the server is about to stop.
    fn close(&self);

    /// The legacy sessions.
    fn sessions(&self) -> &Sessions;

    /// The limits that transports have to keep.
    fn limits(&self) -> &Limits;
}

/// A message with what its transport knows about where it came from.
pub(crate) struct Exchange {
    pub(crate) message: Message,
    /// The legacy session that the message belongs to, if there is one.
    pub(crate) session: Option<Session>,
    /// The HTTP headers, if there are any.
    pub(crate) headers: Option<Arc<dyn HeaderSource>>,
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

    /// Closes the connection where the client can come back for the rest; otherwise does nothing.
    fn cut(&self) {}
}

/// A session that is being told of changes, until this is dropped.
pub(crate) type Listening = Box<dyn Any + Send + Sync>;

/// What becomes of a message.
pub(crate) enum Handling {
    /// There is nothing to answer.
    Nothing,
    /// The answer.
    Ready(Reply),
    /// The answer comes when the handler is done.
    Pending(Pending),
}

/// A request whose answer is still to come. Dropping the future cancels the handler.
pub(crate) struct Pending {
    pub(crate) future: BoxFuture<Reply>,
    pub(crate) stop: Arc<dyn Stop>,
}

/// Stops a request before its future can be dropped, which may be in the middle of a poll.
pub(crate) trait Stop: Send + Sync {
    /// From now on the request sends nothing, and its handler can see that it is cancelled.
    fn stop(&self);
}

/// An answer, ready to be sent.
pub(crate) struct Reply {
    /// One JSON text without line breaks.
    pub(crate) text: String,
    pub(crate) class: Class,
    /// The session that `initialize` opened.
    pub(crate) opened: Option<Session>,
}

impl Reply {
    pub(crate) fn new(text: String, class: Class) -> Self {
        Self {
            text,
            class,
            opened: None,
        }
    }
}

/// The id of a request within its session: ids of two connections never meet.
pub(crate) type RequestKey = ([u8; 16], Id);

/// Limits, each with a refusal that names it.
///
/// The defaults are what a server on a developer's machine needs; raise them where yours needs more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message, in bytes: 4 MiB. Longer is -32600, over HTTP 413.
    pub message_bytes: usize,
    /// How deep JSON may nest: 64 levels. Deeper is -32600, over HTTP 400.
    pub depth: usize,
    /// Requests served at once: 1,024. More is -32603, over HTTP 503.
    pub requests: usize,
    /// HTTP connections at once: 1,024. More are closed at once.
    pub connections: usize,
    /// Clients that listen for changes at once: 1,024. More is -32603, over HTTP 503.
    pub listeners: usize,
    /// How long a client may take to send its HTTP header, and then its body: 10 s each.
    pub header_timeout: Duration,
    /// How long an HTTP connection may be idle between requests: 75 s.
    pub idle_timeout: Duration,
    /// How long the client may take to answer a question: 10 minutes.
    pub answer_timeout: Duration,
    /// How long calls in flight may still take when the server stops: 5 s.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            depth: 64,
            requests: 1024,
            connections: 1024,
            listeners: 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            answer_timeout: Duration::from_secs(600),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
