//! The handshake of a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::http::Extensions;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{Error, ServerConnection};
use tokio_rustls::server::TlsStream;

use super::super::encryption::Encrypted;
use super::super::socket::Socket;
use super::Acceptor;
use super::started::Started;
use crate::certificate::{CertificateError, PeerCertificate};

/// The first byte of a TLS connection: the type of a record with handshake messages.
const HANDSHAKE: u8 = 22;

/// The maximum number of encrypted bytes that wait to be sent. They are in no budget.
const UNSENT: usize = 16 * 1024;

/// The answer to a client that speaks HTTP without TLS.
const NOT_ENCRYPTED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
    Content-Length: 49\r\n\r\nThis server speaks HTTPS: use a URL with https://";

/// What the handshake has found out about the client.
pub(crate) struct SecuredPeer {
    certificate: Option<PeerCertificate>,
}

/// The reason why there is no encrypted connection.
#[derive(Debug)]
pub(crate) enum HandshakeFailure {
    /// The client does not speak TLS.
    NotTls,
    /// The client certificate cannot be parsed.
    Certificate(CertificateError),
    Io(io::Error),
}

/// Makes the handshake of a new connection.
pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    acceptor: &Arc<Acceptor>,
    mut socket: Socket<S>,
) -> Result<(TlsStream<Started<Socket<S>>>, SecuredPeer), HandshakeFailure> {
    let first = socket.read_u8().await?;
    if first != HANDSHAKE {
        refuse(socket, first).await?;
        return Err(HandshakeFailure::NotTls);
    }
    let acceptor = TlsAcceptor::from(acceptor.config().await);
    let limit = |connection: &mut ServerConnection| connection.set_buffer_limit(Some(UNSENT));
    let stream = acceptor.accept_with(Started::new(first, socket), limit);
    let stream = stream.await?;
    let certificate = certificate(stream.get_ref().1).map_err(HandshakeFailure::Certificate)?;
    Ok((stream, SecuredPeer { certificate }))
}

/// Answers a client that does not speak TLS. A method of HTTP begins with a letter.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: Socket<S>,
    first: u8,
) -> io::Result<()> {
    if first.is_ascii_uppercase() {
        socket.refuse();
        socket.write_all(NOT_ENCRYPTED).await?;
    }
    socket.shutdown().await
}

/// Returns the verified certificate of the client.
fn certificate(connection: &ServerConnection) -> Result<Option<PeerCertificate>, CertificateError> {
    let chain = connection.peer_certificates().unwrap_or_default();
    chain
        .first()
        .map(|own| PeerCertificate::from_der(&**own))
        .transpose()
}

impl SecuredPeer {
    /// Adds to a request what is known of its connection.
    pub(crate) fn mark(&self, extensions: &mut Extensions) {
        extensions.insert(Encrypted);
        if let Some(certificate) = &self.certificate {
            extensions.insert(certificate.clone());
        }
    }
}

impl From<io::Error> for HandshakeFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl HandshakeFailure {
    /// Logs the failure. A certificate that is refused is of interest to the operator, as credentials are; scanners of networks
    /// cause all others.
    pub(crate) fn log(&self, peer: Option<SocketAddr>) {
        let peer = peer.map(tracing::field::display);
        match self {
            Self::NotTls => {
                tracing::debug!(
                    peer,
                    "a client does not speak TLS: its URL must begin with https://"
                );
            }
            Self::Certificate(error) => {
                tracing::info!(peer, %error, "a client certificate was refused");
            }
            Self::Io(error) if is_refusal(error) => {
                tracing::info!(peer, %error, "a client certificate was refused");
            }
            Self::Io(error) => tracing::debug!(peer, %error, "the TLS handshake failed"),
        }
    }
}

fn is_refusal(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(
        error,
        Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented)
    )
}
