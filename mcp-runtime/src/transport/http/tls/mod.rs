//! TLS for the built-in listener, by rustls: TLS 1.2 and 1.3, with HTTP/1.1.
//!
//! A connection has the encryption of its listener, and makes its handshake in its own task. Who the caller is, and what a
//! certificate means, is decided by `auth`.

mod acceptor;
mod config;
mod files;
mod handshake;
mod started;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use acceptor::Acceptor;
pub(crate) use files::Files;
pub(super) use handshake::handshake;

/// The default interval at which the files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// The certificate of the server and its private key. See [`Server::tls`](crate::Server::tls).
///
/// ```no_run
/// use std::time::Duration;
///
/// use mcp_runtime::{Server, Tls};
///
/// let tls = Tls::from_files("fullchain.pem", "privkey.pem").check_every(Duration::from_secs(60));
/// let server = Server::new("app", "1.0.0").tls(tls);
/// ```
#[derive(Debug, Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    check_every: Duration,
}

impl Tls {
    /// Names the files with the certificate and the private key, both in the format PEM. They can be the same file.
    ///
    /// The first certificate is that of the server; those of intermediate authorities follow it. The key is not encrypted. The
    /// files are read when the server starts to listen, and again when they change.
    pub fn from_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self {
            certificate: certificate.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
            check_every: CHECK_EVERY,
        }
    }

    /// Sets the minimum time between two checks whether the files have changed. The default is 10 s.
    ///
    /// New connections use the renewed files. If these cannot be used, the problem is logged once, and new connections use the
    /// previous files.
    pub fn check_every(mut self, interval: Duration) -> Self {
        self.check_every = interval;
        self
    }

    /// Reads the files, and those of the authorities of client certificates.
    ///
    /// # Errors
    /// Returns an error that names the file if one cannot be used.
    pub(crate) fn load(
        &self,
        authorities: Vec<PathBuf>,
        is_certificate_required: bool,
    ) -> Result<Acceptor, String> {
        let files = Files {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            authorities,
            is_certificate_required,
        };
        Acceptor::load(files, self.check_every)
    }
}
