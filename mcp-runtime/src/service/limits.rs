//! The limits of a server.

use std::time::Duration;

/// Limits of a server.
///
/// A message that exceeds a limit is refused with an error that names the limit. `docs/defaults.md` has all limits, also those that
/// cannot be changed. The defaults suit a server on a
/// developer's machine; raise them if your server needs more.
///
/// A call over HTTP that takes longer than `event_stream_after` is answered with an event stream, which has a comment for each
/// `keep_alive` without other events:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use std::time::Duration;
///
/// use http_body_util::BodyExt as _;
/// use mcp_runtime::{Limits, prelude::*};
/// use tower_service::Service as _;
///
/// /// Take some time.
/// #[tool]
/// async fn slow() -> &'static str {
///     tokio::time::sleep(Duration::from_millis(200)).await;
///     "done"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let mut limits = Limits::default();
/// limits.event_stream_after = Duration::from_millis(10);
/// limits.keep_alive = Duration::from_millis(20);
/// let server = Server::new("app", "1.0.0").with(components![slow]).limits(limits);
/// let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}"#;
/// let request = hyper::Request::post("/mcp")
///     .header("Host", "localhost")
///     .header("Content-Type", "application/json")
///     .header("Accept", "application/json, text/event-stream")
///     .body(call.to_owned())?;
/// let response = server.into_service().await?.call(request).await?;
/// assert_eq!(response.headers()["Content-Type"], "text/event-stream");
/// let body = String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?;
/// assert!(body.starts_with(':') && body.contains("\n:") && body.contains("done"), "{body}");
/// # Ok(())
/// # }
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum size of a message, in bytes. Default: 4 MiB. A larger message is -32600, over HTTP 413.
    pub message_bytes: usize,
    /// The maximum size of all requests that are being received or served, in bytes. Requests of at most 16 KiB are not counted.
    /// Default: 32 MiB. Further ones are -32603, over HTTP 503. An owner (a principal, a session or an address) may hold as
    /// many bytes as remain free, so that one owner alone has half of them.
    pub received_bytes: usize,
    /// The maximum size of all messages that wait to be sent over HTTP, in bytes. Messages of at most 16 KiB are not counted.
    /// Default: 32 MiB. A larger reply is then -32603 with the status 503, and a notification is left out. An owner may hold
    /// as many bytes as remain free.
    pub unsent_bytes: usize,
    /// The maximum size of a reply, in bytes. Default: 16 MiB. A larger one is replaced by -32603. The layer
    /// [`ResponseLimit`](crate::ResponseLimit) cuts results instead.
    pub response_bytes: usize,
    /// The maximum nesting depth of JSON. Default: 64 levels. Deeper JSON is -32600, over HTTP 400.
    pub depth: usize,
    /// The maximum number of concurrent requests. Default: 1,024. Further requests are -32603, over HTTP 503. A call that has
    /// become a [task](crate::Tasks) does not count, unless it runs on a thread.
    pub requests: usize,
    /// The maximum number of concurrent HTTP connections. Default: 1,024. Further connections are answered with 503 and closed.
    pub connections: usize,
    /// The maximum number of clients that listen for changes. Default: 1,024. Further ones are -32603, over HTTP 503.
    pub listeners: usize,
    /// The time that a client has to send its HTTP header. Default: 10 s. Then its connection is closed. On a new connection
    /// with TLS, it includes the handshake.
    pub header_timeout: Duration,
    /// The time that a client has to send its HTTP body, after the header. Default: 30 s. Then it is answered with 408.
    pub body_timeout: Duration,
    /// The time that an HTTP connection may be idle between requests. Default: 75 s.
    pub idle_timeout: Duration,
    /// The time for which the client of an HTTP connection may accept no bytes of a response. Default: 10 s. Then its connection
    /// is closed.
    pub write_timeout: Duration,
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
    /// The time of each of three steps of the shutdown: see [`ServerHandle::stop`](crate::ServerHandle::stop). Default: 5 s.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            received_bytes: 32 << 20,
            unsent_bytes: 32 << 20,
            response_bytes: 16 << 20,
            depth: 64,
            requests: 1024,
            connections: 1024,
            listeners: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
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
