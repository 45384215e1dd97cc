//! The caller of an HTTP request.

use std::net::SocketAddr;
#[cfg(feature = "auth")]
use std::sync::Arc;

use hyper::http::Extensions;

#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::owner::Principal;

/// The caller of an HTTP request, as the server or an outer layer has verified it.
pub(super) struct Caller {
    pub(super) principal: Option<Principal>,
    #[cfg(feature = "auth")]
    pub(super) identity: Option<Arc<Identity>>,
    /// The address of the socket.
    pub(super) peer: Option<SocketAddr>,
}

impl Caller {
    /// Returns the caller that outer layers name in the extensions of the request.
    pub(super) fn new(peer: Option<SocketAddr>, extensions: &Extensions) -> Self {
        Self {
            principal: extensions.get().cloned(),
            #[cfg(feature = "auth")]
            identity: None,
            peer,
        }
    }

    /// Sets the identity that the server has verified.
    #[cfg(feature = "auth")]
    pub(super) fn identified(mut self, identity: Arc<Identity>) -> Self {
        self.principal = Some(identity.principal.clone());
        self.identity = Some(identity);
        self
    }
}
