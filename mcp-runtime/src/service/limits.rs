//! Limits that a server keeps.

use std::time::Duration;

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
