//! The origin of a message, as known to its transport.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::owner::{Owner, Principal};
use crate::protocol::HeaderSource;

/// The origin of a message, as known to its transport.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    /// The HTTP headers, or those that an in-process client adds; `None` on other transports.
    pub(crate) headers: Option<Arc<dyn HeaderSource>>,
    /// The extensions that outer layers inserted into the HTTP request.
    #[cfg(feature = "http")]
    pub(crate) extensions: hyper::http::Extensions,
    /// The authenticated caller, if there is one.
    pub(crate) principal: Option<Principal>,
    /// The peer address of the socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The number of the connection, on transports where one connection carries all messages of a client.
    pub(crate) connection: Option<u64>,
    pub(crate) transport: TransportKind,
}

/// The kind of a transport, for logs, traces and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TransportKind {
    Stdio,
    #[cfg(feature = "http")]
    Http,
    Memory,
    /// A transport or byte stream of the application.
    #[default]
    Custom,
}

impl TransportKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            #[cfg(feature = "http")]
            Self::Http => "http",
            Self::Memory => "memory",
            Self::Custom => "custom",
        }
    }

    /// Returns the application protocol and the transport protocol of the network, as OpenTelemetry names them.
    pub(crate) fn network(self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Stdio => (None, Some("pipe")),
            #[cfg(feature = "http")]
            Self::Http => (Some("http"), Some("tcp")),
            Self::Memory | Self::Custom => (None, None),
        }
    }
}

/// Returns a unique connection number.
pub(crate) fn next_connection() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Origin {
    /// Returns the origin of the messages of one connection on a transport other than HTTP.
    pub(crate) fn of_connection(connection: u64, transport: TransportKind) -> Self {
        Self {
            transport,
            connection: Some(connection),
            ..Self::default()
        }
    }

    /// Returns the headers of an HTTP request, which must agree with its message.
    pub(crate) fn http_headers(&self) -> Option<&dyn HeaderSource> {
        let over_http = self.connection.is_none();
        self.headers.as_deref().filter(|_| over_http)
    }

    /// Returns the owner to which the resources of a message are attributed.
    pub(crate) fn owner(&self, session: Option<[u8; 16]>) -> Owner {
        match (&self.principal, session, self.peer) {
            (Some(principal), ..) => Owner::Principal(principal.clone()),
            (None, Some(session), _) => Owner::Session(session),
            (None, None, Some(peer)) => Owner::Peer(peer.ip()),
            (None, None, None) => Owner::Local,
        }
    }
}
