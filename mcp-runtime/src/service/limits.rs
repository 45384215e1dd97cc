//! The limits of a server.

use std::time::Duration;

/// Limits of a server.
///
/// A message that exceeds a limit is refused with an error that names the limit. The defaults suit a server on a
/// developer's machine; raise them if your server needs more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum size of a message, in bytes. Default: 4 MiB. A larger message is -32600, over HTTP 413.
    pub message_bytes: usize,
    /// The maximum nesting depth of JSON. Default: 64 levels. Deeper JSON is -32600, over HTTP 400.
    pub depth: usize,
    /// The maximum number of concurrent requests. Default: 1,024. Further requests are -32603, over HTTP 503.
    pub requests: usize,
    /// The maximum number of concurrent HTTP connections. Default: 1,024. Further connections are closed at once.
    pub connections: usize,
    /// The maximum number of clients that listen for changes. Default: 1,024. Further ones are -32603, over HTTP 503.
    pub listeners: usize,
    /// The time that a client has to send its HTTP header, and then its body. Default: 10 s each.
    pub header_timeout: Duration,
    /// The time that an HTTP connection may be idle between requests. Default: 75 s.
    pub idle_timeout: Duration,
    /// The time after which a call over HTTP is answered with an event stream, so that proxies do not close its connection.
    /// Default: 10 s. Clients that accept only JSON wait for the reply. The status of an event stream is 200, also if the reply
    /// is an error.
    pub event_stream_after: Duration,
    /// The time without events after which an event stream sends a comment. Default: 15 s. It must be shorter than the time
    /// after which a proxy closes a silent connection, such as `proxy_read_timeout` of nginx (60 s), and so must
    /// [`event_stream_after`](Self::event_stream_after).
    pub keep_alive: Duration,
    /// The time that the client has to answer a question. Default: 10 minutes.
    pub answer_timeout: Duration,
    /// The maximum number of values in [`Context::session`](crate::Context::session). Default: 100.
    pub session_values: usize,
    /// The maximum size of all keys and values in [`Context::session`](crate::Context::session), as JSON, in bytes. Default:
    /// 64 KiB.
    pub session_bytes: usize,
    /// The time after the last change for which the values in [`Context::session`](crate::Context::session) are kept. They end
    /// with their session, which lasts one day at most. Default: one day.
    pub session_ttl: Duration,
    /// The time of each of three steps when the server stops: calls in flight, all states of
    /// [`Server::lifespan`](crate::Server::lifespan) together, and the responses that are being sent. Default: 5 s.
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
            event_stream_after: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(600),
            session_values: 100,
            session_bytes: 64 << 10,
            session_ttl: Duration::from_secs(24 * 60 * 60),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
