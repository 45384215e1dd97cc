//! The encryption of the connections of a listener.

#[cfg(feature = "tls")]
use std::sync::Arc;

#[cfg(all(feature = "auth", feature = "tls"))]
use hyper::http::Extensions;

#[cfg(feature = "tls")]
use super::tls::Acceptor;

/// The encryption of the connections of a listener: none by default.
#[derive(Clone, Default)]
pub(crate) struct Encryption {
    #[cfg(feature = "tls")]
    acceptor: Option<Arc<Acceptor>>,
}

impl Encryption {
    /// Returns `true` if connections begin with a handshake.
    #[cfg_attr(not(feature = "tls"), allow(clippy::unused_self))] // there is no encryption
    pub(super) fn is_on(&self) -> bool {
        #[cfg(feature = "tls")]
        let is_on = self.acceptor.is_some();
        #[cfg(not(feature = "tls"))]
        let is_on = false;
        is_on
    }
}

#[cfg(feature = "tls")]
impl Encryption {
    /// Returns TLS with this configuration.
    pub(crate) fn tls(acceptor: Acceptor) -> Self {
        Self {
            acceptor: Some(Arc::new(acceptor)),
        }
    }

    pub(super) fn acceptor(&self) -> Option<Arc<Acceptor>> {
        self.acceptor.clone()
    }
}

/// The mark of a request whose connection is encrypted, in its extensions.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Encrypted;

/// Returns the scheme of a request whose URI has none.
#[cfg(all(feature = "auth", feature = "tls"))]
pub(super) fn scheme(extensions: &Extensions) -> &'static str {
    if extensions.get::<Encrypted>().is_some() {
        "https"
    } else {
        "http"
    }
}
