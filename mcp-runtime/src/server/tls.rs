//! TLS, and the authorities of client certificates.

use std::path::PathBuf;

use super::{BuildError, ServeError, Server};
use crate::transport::http::Encryption;
pub(crate) use crate::transport::http::Tls;

impl Server {
    /// Encrypts the connections of [`Server::serve_http`] and [`Server::serve_listener`] with TLS 1.2 or 1.3. The clients' URL is
    /// then `https://..`.
    ///
    /// The files are read when the server starts to listen. If one is missing or malformed, or if the key does not belong to the
    /// certificate, the server does not start: see [`ServeError::Tls`]. Renewed files are used without a restart: see
    /// [`Tls::check_every`].
    ///
    /// The time of the handshake is part of [`Limits::header_timeout`](crate::Limits::header_timeout). A client that sends HTTP
    /// without TLS is answered with 400. Unix sockets, and the service of [`Server::into_service`], are not concerned.
    ///
    /// `Auth::mutual_tls` (feature `auth`) authenticates callers by client certificates.
    ///
    /// ```no_run
    /// use mcp_runtime::{Tls, prelude::*};
    ///
    /// # async fn serve() -> Result<(), mcp_runtime::ServeError> {
    /// Server::new("calendar", "1.0.0")
    ///     .tls(Tls::from_files("fullchain.pem", "privkey.pem"))
    ///     .allow_host("calendar.example.com")
    ///     .serve_http("127.0.0.1:8443")
    ///     .await
    /// # }
    /// ```
    pub fn tls(mut self, tls: Tls) -> Self {
        self.http.tls = Some(tls);
        self
    }

    /// Reads the files, and returns the encryption of a TCP listener.
    pub(super) fn tls_encryption(&self) -> Result<Encryption, ServeError> {
        let (authorities, is_required) = self.client_authorities()?;
        match &self.http.tls {
            Some(tls) => tls
                .load(authorities, is_required)
                .map(Encryption::tls)
                .map_err(ServeError::Tls),
            None if authorities.is_empty() => Ok(Encryption::default()),
            None => Err(refused(
                "client certificates need TLS: add `.tls(Tls::from_files(..))`, or `--tls-cert` and `--tls-key`",
            )),
        }
    }

    /// Returns the files with the authorities of client certificates, and whether clients need a certificate.
    #[cfg(feature = "auth")]
    fn client_authorities(&self) -> Result<(Vec<PathBuf>, bool), ServeError> {
        let ways = self.http.protection.ways.iter();
        let mut all = ways.filter_map(|way| way.client_authorities());
        let Some(first) = all.next() else {
            return Ok((Vec::new(), false));
        };
        // Otherwise, each way would accept the certificates of the authorities of the others.
        if all.next().is_some() {
            return Err(refused(
                "several ways of authentication name the authorities of client certificates: name all of them in one, with \
                 `MutualTls::authorities` or `ClientAuthorities::file`",
            ));
        }
        Ok((first.files, first.is_required))
    }

    #[cfg(not(feature = "auth"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // there are no client certificates
    fn client_authorities(&self) -> Result<(Vec<PathBuf>, bool), ServeError> {
        Ok((Vec::new(), false))
    }
}

fn refused(problem: &str) -> ServeError {
    BuildError(vec![problem.to_owned()]).into()
}
