//! The sockets that the built-in listener accepts connections on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A socket that accepts connections.
pub(crate) trait Listener {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Accepts a connection. Returns it with the address of its peer, if peers have addresses.
    fn accept(&self)
    -> impl Future<Output = io::Result<(Self::Stream, Option<SocketAddr>)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        Ok((stream, Some(peer)))
    }
}

#[cfg(unix)]
pub(crate) use unix::UnixSocket;

#[cfg(unix)]
mod unix {
    use std::fs::{self, Metadata, Permissions};
    use std::io;
    use std::net::SocketAddr;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use tokio::net::{UnixListener, UnixStream};

    use super::Listener;

    /// The permissions of the socket: only its owner may connect.
    const MODE: u32 = 0o600;

    /// The maximum number of connections that wait to be accepted.
    const BACKLOG: u32 = 1024;

    /// A Unix socket, whose file is removed when this is dropped.
    pub(crate) struct UnixSocket {
        listener: UnixListener,
        path: PathBuf,
        /// The device and the number of the file. Another server may have replaced it.
        file: (u64, u64),
    }

    impl UnixSocket {
        /// Binds a socket. Replaces a socket file on which no server answers.
        ///
        /// # Errors
        /// Returns an error if another server answers, or if there is a file that is not a socket.
        pub(crate) fn bind(path: &Path) -> io::Result<Self> {
            if let Ok(existing) = fs::symlink_metadata(path) {
                remove_stale(path, &existing)?;
            }
            let socket = tokio::net::UnixSocket::new_stream()?;
            socket.bind(path)?;
            // Before this process listens, no client can connect, whatever the umask of the process permits.
            fs::set_permissions(path, Permissions::from_mode(MODE))?;
            let file = number(&fs::symlink_metadata(path)?);
            Ok(Self {
                listener: socket.listen(BACKLOG)?,
                path: path.to_owned(),
                file,
            })
        }
    }

    /// Removes the file of a socket on which no server answers.
    fn remove_stale(path: &Path, existing: &Metadata) -> io::Result<()> {
        let shown = path.display();
        if !existing.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("`{shown}` exists and is not a socket: choose another path"),
            ));
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another server answers on `{shown}`: stop it, or choose another path"),
            )),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) => Err(error),
        }
    }

    fn number(file: &Metadata) -> (u64, u64) {
        (file.dev(), file.ino())
    }

    impl Drop for UnixSocket {
        fn drop(&mut self) {
            let is_own = fs::symlink_metadata(&self.path).is_ok_and(|it| number(&it) == self.file);
            if is_own && let Err(error) = fs::remove_file(&self.path) {
                tracing::warn!(%error, path = %self.path.display(), "the socket file could not be removed");
            }
        }
    }

    impl Listener for UnixSocket {
        type Stream = UnixStream;

        async fn accept(&self) -> io::Result<(UnixStream, Option<SocketAddr>)> {
            let (stream, _) = self.listener.accept().await?;
            Ok((stream, None))
        }
    }
}
