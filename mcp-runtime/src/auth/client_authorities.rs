//! The certificate authorities of client certificates.

use std::future::ready;
use std::path::{Path, PathBuf};

use super::{AuthFuture, Authenticate, Credentials};

/// The certificate authorities whose client certificates a server accepts, for
/// [`Authenticate::client_authorities`].
///
/// As a way of authentication, it recognises no caller. The handshake verifies certificates, and the other ways use them: tokens
/// that are bound to a certificate (RFC 8705) need a connection with it.
///
/// ```
/// use mcp_runtime::{Auth, ClientAuthorities, Tls, prelude::*};
///
/// let server = Server::new("calendar", "1.0.0")
///     .tls(Tls::from_files("server.pem", "server.key"))
///     .auth(Auth::jwt("https://login.example.com", "https://calendar.example.com/mcp"))
///     .auth(ClientAuthorities::from_file("clients-ca.pem"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthorities {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) is_required: bool,
}

impl ClientAuthorities {
    /// Names a PEM file with the certificates of the authorities.
    ///
    /// The file is read when the server starts to listen, and again when it changes.
    pub fn from_file(path: impl AsRef<Path>) -> Self {
        Self {
            files: vec![path.as_ref().to_owned()],
            is_required: false,
        }
    }

    /// Adds another file.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.files.push(path.as_ref().to_owned());
        self
    }

    /// Refuses connections without a client certificate. By default, a connection without one is accepted, and the next way of
    /// authentication decides about its requests.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

impl Authenticate for ClientAuthorities {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(ready(Ok(None)))
    }

    fn client_authorities(&self) -> Option<ClientAuthorities> {
        Some(self.clone())
    }
}
