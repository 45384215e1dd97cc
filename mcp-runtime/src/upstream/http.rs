//! Streamable HTTP: each message is a POST request, and the response to a request is one message or a stream of events.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http>. In revisions with a
//! handshake, a server may have sessions, a stream for messages that belong to no request, and streams that are resumed:
//! see <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http>.

mod answer;
mod connect;
mod endpoint;
mod events;
mod follow;
mod headers;
mod refusal;
mod shown;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tokio::task::JoinSet;

use self::endpoint::Endpoint;
pub(super) use self::shown::without_secrets;
use super::transport::{Outgoing, Receive, Sending, Transport};
use crate::secret::Secret;
use crate::service::BoxFuture;
use crate::sync::Mutex;

/// The transport to a server with a URL.
pub(crate) struct HttpTransport {
    endpoint: Arc<Endpoint>,
    /// The task that receives messages that belong to no request. It ends when the set is dropped.
    listening: Mutex<JoinSet<()>>,
}

impl HttpTransport {
    /// Checks a URL and the headers of each request.
    ///
    /// # Errors
    /// Returns an error if one of them cannot be used.
    pub(super) fn check(url: &str, headers: Vec<(String, Secret<String>)>) -> Result<(), String> {
        endpoint::read(url, headers).map(drop)
    }

    /// Creates the transport. No connection is made before the first message. `headers` are sent with each request.
    ///
    /// # Errors
    /// Returns an error if the URL or a header cannot be used, or if the system has no certificate authorities.
    pub(crate) fn new(
        url: &str,
        headers: Vec<(String, Secret<String>)>,
        receive: Arc<dyn Receive>,
    ) -> Result<Self, String> {
        Endpoint::new(url, headers, receive, None).map(Self::from)
    }
}

impl From<Endpoint> for HttpTransport {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            listening: Mutex::default(),
        }
    }
}

impl Transport for HttpTransport {
    fn send(&self, outgoing: Outgoing<'_>) -> Sending {
        match self.endpoint.prepare(outgoing) {
            Ok(post) => Sending::Pending(self.endpoint.send(post)),
            Err(error) => Sending::Done(Err(error)),
        }
    }

    fn listen(&self) {
        let endpoint = Arc::clone(&self.endpoint);
        let mut listening = self.listening.lock();
        listening.abort_all();
        listening.spawn(async move { endpoint.listen().await });
    }

    fn close(&self) -> BoxFuture<()> {
        self.listening.lock().abort_all();
        let endpoint = Arc::clone(&self.endpoint);
        Box::pin(async move { endpoint.end_session().await })
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("HttpTransport");
        shown
            .field("url", &self.endpoint.shown)
            .finish_non_exhaustive()
    }
}
