//! What a transport knows of the sender of a message.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::HeaderSource;

/// The caller of a server, as an outer layer has verified it.
///
/// A tower or axum layer around [`Server::into_service`](crate::Server::into_service) that authenticates requests puts one into
/// their `http::Extensions`; handlers read it with [`Context::principal`](crate::Context::principal).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal with this id, which is unique in the server, such as the subject of a token.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// The sender of a message, as far as its transport knows it.
#[derive(Default)]
pub(crate) struct Origin {
    /// The HTTP headers; `None` on other transports.
    pub(crate) headers: Option<Arc<dyn HeaderSource>>,
    /// What outer layers put into the HTTP request.
    #[cfg(feature = "http")]
    pub(crate) extensions: hyper::http::Extensions,
    /// The other end of the socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The connection, on transports where all messages of a client come over one.
    pub(crate) connection: Option<u64>,
}

/// Returns a number that no other connection has.
pub(crate) fn next_connection() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Origin {
    /// The origin of the messages of one connection that is no HTTP connection.
    pub(crate) fn of_connection(connection: u64) -> Self {
        Self {
            connection: Some(connection),
            ..Self::default()
        }
    }

    /// Returns the verified caller, if there is one.
    pub(crate) fn principal(&self) -> Option<&Principal> {
        #[cfg(feature = "http")]
        return self.extensions.get();
        #[cfg(not(feature = "http"))]
        None
    }
}

/// Whom a request, and what is kept for it, is counted for: the narrowest that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Principal(Principal),
    Session([u8; 16]),
    Peer(IpAddr),
    /// A process on this machine that has a pipe to the server.
    Local,
}

impl Owner {
    /// Returns the owner of what a message of this origin, in this session, leads to.
    pub(crate) fn of(origin: &Origin, session: Option<[u8; 16]>) -> Self {
        if let Some(principal) = origin.principal() {
            return Self::Principal(principal.clone());
        }
        match (session, origin.peer) {
            (Some(session), _) => Self::Session(session),
            (None, Some(peer)) => Self::Peer(peer.ip()),
            (None, None) => Self::Local,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(principal) => write!(formatter, "principal {}", principal.id()),
            Self::Session(nonce) => {
                write!(formatter, "session {:032x}", u128::from_be_bytes(*nonce))
            }
            Self::Peer(address) => write!(formatter, "peer {address}"),
            Self::Local => formatter.write_str("a local process"),
        }
    }
}
