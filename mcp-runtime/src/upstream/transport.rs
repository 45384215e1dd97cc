//! What carries messages to an upstream server and back.

use std::fmt;
use std::future::ready;

use crate::secret::Secret;
use crate::service::BoxFuture;

/// The largest message of an upstream server, in bytes.
pub(crate) const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;

/// A message to an upstream server.
pub(crate) struct Outgoing<'a> {
    /// The JSON-RPC message. Arguments and `_meta` are those of a client, which may have line breaks between their tokens.
    pub(crate) json: String,
    /// The id, if it is a request.
    pub(crate) id: Option<u64>,
    /// The method, or `None` for the reply to a request of the server.
    pub(crate) method: Option<&'static str>,
    /// The name or URI of the component that a request is about.
    pub(crate) name: Option<&'a str>,
    /// The arguments that are repeated in headers: the name of the header after `Mcp-Param-`, and the value, already encoded.
    pub(crate) params: Vec<(String, String)>,
    /// The revision that the message is written in, such as `2026-07-28`, or `None` before it was negotiated.
    pub(crate) revision: Option<&'static str>,
    /// The value of the header `Authorization`.
    pub(crate) authorization: Option<Secret<String>>,
}

/// Replaces the line breaks of a valid JSON text by spaces. In JSON strings they are escaped, so each one is whitespace between
/// tokens. Lengths and places stay the same.
pub(super) fn on_one_line(json: String) -> String {
    match memchr::memchr2(b'\n', b'\r', json.as_bytes()) {
        None => json,
        Some(_) => json.replace(['\n', '\r'], " "),
    }
}

/// Receives the messages of an upstream server.
pub(crate) trait Receive: Send + Sync + 'static {
    /// Receives a message. `of` is the id of the request on whose stream it was sent, if the transport knows it.
    fn receive(&self, message: String, of: Option<u64>);

    /// Receives the response to the request with this id.
    ///
    /// # Errors
    /// Returns a message that is not this response.
    fn receive_response(&self, message: String, id: u64) -> Result<(), String>;

    /// The connection has ended, and no message follows.
    fn lost(&self, why: &str);
}

/// The reason why a message could not be sent, or why its response could not be received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendError {
    /// The server cannot be reached, or the connection broke before the response.
    Unreachable(String),
    /// The server answered with this HTTP status, and this text in place of a JSON-RPC message.
    Status(u16, String),
    /// The server does not know the session any more: it was restarted, or the session has expired.
    NoSession,
    /// The response violates the protocol or a limit.
    Invalid(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Invalid(why) => formatter.write_str(why),
            Self::Status(status, text) if text.is_empty() => {
                write!(formatter, "it answers with the HTTP status {status}")
            }
            Self::Status(status, text) => {
                write!(
                    formatter,
                    "it answers with the HTTP status {status}: {text}"
                )
            }
            Self::NoSession => formatter.write_str("it does not know the session any more"),
        }
    }
}

/// A message that is being sent.
pub(crate) enum Sending {
    /// It is sent, or cannot be sent.
    Done(Result<(), SendError>),
    Pending(BoxFuture<Result<(), SendError>>),
}

impl Sending {
    /// Returns a future that ends when the message is sent.
    pub(crate) fn future(self) -> BoxFuture<Result<(), SendError>> {
        match self {
            Self::Done(sent) => Box::pin(ready(sent)),
            Self::Pending(sending) => sending,
        }
    }
}

/// A way to exchange messages with an upstream server.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Sends a message. Over HTTP, the future of a request ends when its response was received; dropping it earlier closes
    /// the stream of the response. Other transports end it when the message is written.
    fn send(&self, outgoing: Outgoing<'_>) -> Sending;

    /// Receives the messages that belong to no request, in a revision with a handshake, until the transport is closed. Called
    /// after the handshake.
    fn listen(&self) {}

    /// Ends the connection: a process gets the time to end before it is killed, and a session is ended at the server.
    fn close(&self) -> BoxFuture<()>;
}
