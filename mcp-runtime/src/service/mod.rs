//! The interface between transports and dispatch: one trait, by which messages enter and replies leave.
//!
//! A transport does not depend on tools, and dispatch does not depend on bytes and sockets. Both depend on this module.

mod budget;
mod limits;
mod origin;
mod timeout;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "http", test))]
pub(crate) use budget::Budget;
pub(crate) use budget::{Budgets, Held, UNCOUNTED};
pub use limits::Limits;
#[cfg(feature = "http")]
pub(crate) use origin::{CredentialsEnd, network};
pub(crate) use origin::{Origin, TransportKind, next_connection};
pub use timeout::Timeout;

#[cfg(all(feature = "audit", feature = "auth"))]
use crate::audit::AuditRecord;
#[cfg(feature = "auth")]
use crate::auth::{Identity, Revoked};
#[cfg(feature = "http")]
use crate::cluster::{Cluster, Event, SharedSession};
use crate::metrics::Metrics;
use crate::protocol::Id;
#[cfg(feature = "http")]
use crate::protocol::error::Class;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, error_reply};
use crate::session::Session;

/// A future that owns its data, so that it can be polled in place and moved to its own task if it must wait.
pub type BoxFuture<T> = futures_core::future::BoxFuture<'static, T>;

/// The service that dispatch provides to transports.
pub(crate) trait Service: Send + Sync + 'static {
    /// Starts to serve a message. The handler is polled once here, and most handlers are finished when this returns.
    fn handle(&self, exchange: Exchange) -> Handling;

    /// Sends messages that belong to no request to a legacy session, until the returned guard is dropped. `origin` is that of
    /// the message that opened the stream.
    ///
    /// # Errors
    /// Returns an error if a limit of listeners is reached, or if the server stops.
    fn listen(
        &self,
        session: &Session,
        origin: &Origin,
        outbound: Arc<dyn Outbound>,
    ) -> Result<Listening, RpcError>;

    /// Ends a session and its questions. Its calls are cancelled too, except those of a transport with one connection per
    /// client.
    fn end_session(&self, session: &Session);

    /// Removes the data that handlers keep for a session, when none of its calls runs any more.
    fn forget_session(&self, session: &Session);

    /// Removes the data that handlers keep for a connection, which has ended.
    fn forget_connection(&self, connection: u64);

    /// Cancels the requests of one connection.
    fn cancel(&self, connection: u64);

    /// Ends the subscriptions of one connection, which would otherwise never finish.
    fn close(&self, connection: u64);

    /// Returns `true` if the server stops and accepts no further requests.
    #[cfg(feature = "http")]
    fn is_stopping(&self) -> bool;

    /// Returns the OAuth scopes of all components that are not hidden.
    #[cfg(feature = "auth")]
    fn scopes(&self) -> Vec<String>;

    /// Returns the OAuth scopes that a caller should ask for who lacks one that an operation needs: those that are needed, and
    /// those that were granted and that this server knows.
    #[cfg(feature = "auth")]
    fn scopes_to_ask_for(&self, needed: &[String], granted: &[String]) -> Vec<String>;

    /// Returns the caller of stdio.
    #[cfg(feature = "auth")]
    fn local_caller(&self) -> Option<Arc<Identity>>;

    /// Returns the tokens that are refused.
    #[cfg(feature = "auth")]
    fn revoked(&self) -> Option<Arc<Revoked>> {
        None
    }

    /// Returns a function that sends the notifications of an event of the replicas to a session, if the session wants them.
    #[cfg(feature = "http")]
    fn notifying(
        &self,
        session: &Session,
        origin: &Origin,
        outbound: Arc<dyn Outbound>,
    ) -> Box<dyn Fn(&Event) + Send> {
        let _ = (session, origin, outbound);
        Box::new(|_| ())
    }

    /// Returns the replicas of the server, if there are any.
    #[cfg(feature = "http")]
    fn cluster(&self) -> Option<&Arc<Cluster>> {
        None
    }

    /// Returns the question of a response, if another replica has asked it.
    #[cfg(feature = "http")]
    fn asked_elsewhere(&self, session: &Session, response: &Message) -> Option<AskedElsewhere> {
        let _ = (session, response);
        None
    }

    /// Counts a message that is not a request.
    ///
    /// # Errors
    /// Returns an error if its client sends too many.
    #[cfg(feature = "http")]
    fn count(&self, origin: &Origin) -> Result<(), RpcError> {
        let _ = origin;
        Ok(())
    }

    /// Replaces the settings of a session by those that another replica has written.
    ///
    /// # Errors
    /// Returns an error if they cannot be stored.
    #[cfg(feature = "http")]
    fn restore_session(&self, session: &Session, shared: &SharedSession) -> Result<(), RpcError> {
        let _ = (session, shared);
        Ok(())
    }

    /// Returns the limits that transports enforce.
    fn limits(&self) -> &Limits;

    /// Returns the budgets of messages that are received and sent.
    fn budgets(&self) -> &Budgets;

    /// Returns the counters of connections and of refused messages.
    fn metrics(&self) -> &Metrics;

    /// Passes the record of a request that was not read to the audit.
    #[cfg(all(feature = "audit", feature = "auth"))]
    fn audit(&self, record: &mut dyn FnMut() -> AuditRecord);

    /// Returns all metrics in the text format of Prometheus, or `None` if the server has none.
    #[cfg(all(feature = "http", feature = "metrics"))]
    fn metrics_text(&self) -> Option<String>;
}

/// A question that another replica has asked.
#[cfg(feature = "http")]
pub(crate) struct AskedElsewhere {
    pub(crate) replica: String,
    pub(crate) id: String,
}

/// A message with its origin and the way back to its client.
pub(crate) struct Exchange {
    pub(crate) message: Arc<Message>,
    pub(crate) origin: Origin,
    /// The legacy session that the message belongs to, if there is one.
    pub(crate) session: Option<Session>,
    /// The way for notifications about this message while it is served.
    pub(crate) outbound: Arc<dyn Outbound>,
}

/// The way back to the client while a message is served.
pub(crate) trait Outbound: Send + Sync {
    /// Sends one message, a JSON text without line breaks. Returns `false` if the buffer is full because the client
    /// is too slow.
    fn send(&self, message: String) -> bool;

    /// Returns `true` if messages of different requests share this connection.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns `true` if a request of the server would reach the client.
    fn can_ask(&self) -> bool {
        true
    }

    /// Closes the connection if the client can reconnect for the remaining messages. The client's revision must have
    /// primed streams, because a client cannot reconnect without the id of an event.
    fn cut(&self) {}

    /// Ends a stream of messages that belong to no request, because the server stops.
    fn end(&self) {}
}

/// A guard for a session that listens for changes until this is dropped.
pub(crate) type Listening = Box<dyn Any + Send + Sync>;

/// The result of handling a message.
pub(crate) enum Handling {
    /// The message has no reply.
    Nothing,
    /// The reply. A reply to a notification is a refusal, which only HTTP can send.
    Ready(Reply),
    /// The reply follows when the handler finishes.
    Pending(Pending),
}

/// The time after which a request that still waits is woken, at the latest after twice this time. Most requests end before, and
/// need no timers.
pub(crate) const LONG_WAIT: Duration = Duration::from_secs(1);

/// A future of the reply, or of `None` if the request is cancelled. Dropping the future cancels the handler. Its task is woken
/// once when it has waited for [`LONG_WAIT`], so that a transport creates its timers only then.
pub(crate) type Pending = BoxFuture<Option<Reply>>;

/// A reply that is ready to be sent.
pub(crate) struct Reply {
    /// A JSON text without line breaks.
    pub(crate) text: String,
    /// The class that determines the HTTP status.
    #[cfg(feature = "http")]
    pub(crate) class: Class,
    /// The session that `initialize` opened, if any.
    pub(crate) opened: Option<Session>,
    /// The OAuth scopes that the operation needs, if the caller lacks one of them.
    #[cfg(feature = "auth")]
    pub(crate) required_scopes: Vec<String>,
}

impl Reply {
    /// Returns the reply to a request that was served.
    pub(crate) fn new(text: String) -> Self {
        Self {
            text,
            #[cfg(feature = "http")]
            class: Class::Answered,
            opened: None,
            #[cfg(feature = "auth")]
            required_scopes: Vec::new(),
        }
    }

    /// Returns an error reply. It has no id if the id is unreadable or if a notification is refused.
    pub(crate) fn error(id: Option<&Id>, error: &RpcError) -> Self {
        tracing::debug!(%error, class = ?error.class, "a message is refused");
        Self {
            #[cfg(feature = "http")]
            class: error.class,
            #[cfg(feature = "auth")]
            required_scopes: error.required_scopes(),
            ..Self::new(error_reply(id, error))
        }
    }
}
