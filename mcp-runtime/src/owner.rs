//! The owners of requests and of stored data, for accounting.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The caller of a server, as verified by an outer layer.
///
/// A tower or axum layer around [`Server::into_service`](crate::Server::into_service) that authenticates requests
/// inserts a principal into their `http::Extensions`; handlers read it with
/// [`Context::principal`](crate::Context::principal).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Returns a principal with this id, which must be unique in the server, such as the subject of a token.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// The owner of a request and of its stored data: the most specific one that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Principal(Principal),
    Session([u8; 16]),
    Peer(IpAddr),
    /// A local process with a pipe to the server, or the server itself.
    Local,
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
