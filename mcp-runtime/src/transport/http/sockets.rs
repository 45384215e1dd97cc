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
    use std::fs::{self, File, Metadata, Permissions};
    use std::future::Future;
    use std::io;
    use std::net::SocketAddr;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::Duration;

    use rustix::fs::{FlockOperation, flock};
    use tokio::net::{UnixListener, UnixStream};

    use super::Listener;
    use crate::seal::unique;

    /// The permissions of the socket: only its owner may connect.
    const MODE: u32 = 0o600;

    /// The maximum number of connections that wait to be accepted.
    const BACKLOG: u32 = 1024;

    /// The number of attempts to lock the directory, and the delay between them.
    const LOCK_ATTEMPTS: u32 = 100;
    const LOCK_DELAY: Duration = Duration::from_millis(10);

    /// A Unix socket, whose file is removed when this is dropped.
    pub(crate) struct UnixSocket {
        listener: UnixListener,
        path: PathBuf,
        /// The device and the number of the file. Somebody may have replaced it.
        file: (u64, u64),
    }

    impl UnixSocket {
        /// Binds a socket. Replaces a socket file on which no server answers.
        ///
        /// The socket is bound under another name in the same directory, and renamed when it has its permissions and
        /// listens. A socket under its own name is therefore always one that answers, or one whose server has ended.
        ///
        /// # Errors
        /// Returns an error if another server answers, or if there is a file that is not a socket.
        pub(crate) fn bind(path: &Path) -> io::Result<Self> {
            let mut socket = Self::bind_hidden(path)?;
            // Between the check and the renaming, no other server may do the same.
            let lock = lock(directory(path));
            check_unused(path)?;
            fs::rename(&socket.path, path)?;
            path.clone_into(&mut socket.path);
            drop(lock);
            Ok(socket)
        }

        /// Binds a socket under a hidden name in the directory of this path.
        fn bind_hidden(path: &Path) -> io::Result<Self> {
            // Short, because the length of a socket's path is limited.
            let name = unique();
            let hidden = directory(path).join(format!(".{}", name.get(..7).unwrap_or(&name)));
            let socket = tokio::net::UnixSocket::new_stream()?;
            socket.bind(&hidden)?;
            // Before this process listens, no client can connect, whatever the umask of the process permits.
            let listening =
                fs::set_permissions(&hidden, Permissions::from_mode(MODE)).and_then(|()| {
                    Ok((
                        number(&fs::symlink_metadata(&hidden)?),
                        socket.listen(BACKLOG)?,
                    ))
                });
            match listening {
                Ok((file, listener)) => Ok(Self {
                    listener,
                    path: hidden,
                    file,
                }),
                Err(error) => {
                    // The first error is the one to report.
                    let _ = fs::remove_file(hidden);
                    Err(error)
                }
            }
        }
    }

    fn directory(path: &Path) -> &Path {
        match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// Locks a directory until the returned file is closed. Returns `None` if it cannot be locked, as on some network file
    /// systems, or if another program holds its lock.
    fn lock(directory: &Path) -> Option<File> {
        let directory = File::open(directory).ok()?;
        for _ in 0..LOCK_ATTEMPTS {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(directory),
                Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(LOCK_DELAY),
                Err(_) => return None,
            }
        }
        None
    }

    /// Returns an error if there is a file that must not be replaced.
    fn check_unused(path: &Path) -> io::Result<()> {
        let shown = path.display();
        match fs::symlink_metadata(path) {
            Ok(file) if !file.file_type().is_socket() => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("`{shown}` exists and is not a socket: choose another path"),
            )),
            Ok(_) if answers(path)? => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another server answers on `{shown}`: stop it, or choose another path"),
            )),
            _ => Ok(()),
        }
    }

    /// Returns `true` if a server listens on a socket.
    fn answers(path: &Path) -> io::Result<bool> {
        let mut connecting = pin!(UnixStream::connect(path));
        // One poll tells it. A client that waits would hang if the server accepts no connections.
        match connecting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(false),
                // The queue of its connections is full.
                io::ErrorKind::WouldBlock => Ok(true),
                _ => Err(error),
            },
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(true),
        }
    }

    fn number(file: &Metadata) -> (u64, u64) {
        (file.dev(), file.ino())
    }

    impl Drop for UnixSocket {
        fn drop(&mut self) {
            // The socket still listens, so no server replaces the file between the check and the removal.
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
