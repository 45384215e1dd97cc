//! What a transport knows of the sender of a message.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::owner::{Owner, Principal};
use crate::protocol::HeaderSource;

/// The sender of a message, as far as its transport knows it.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    /// The HTTP headers; `None` on other transports.
    pub(crate) headers: Option<Arc<dyn HeaderSource>>,
    /// What outer layers put into the HTTP request.
    #[cfg(feature = "http")]
    pub(crate) extensions: hyper::http::Extensions,
    /// The verified caller, if there is one.
    pub(crate) principal: Option<Principal>,
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

    /// Returns the owner of what a message of this origin, in this session, leads to.
    pub(crate) fn owner(&self, session: Option<[u8; 16]>) -> Owner {
        match (&self.principal, session, self.peer) {
            (Some(principal), ..) => Owner::Principal(principal.clone()),
            (None, Some(session), _) => Owner::Session(session),
            (None, None, Some(peer)) => Owner::Peer(peer.ip()),
            (None, None, None) => Owner::Local,
        }
    }
}
