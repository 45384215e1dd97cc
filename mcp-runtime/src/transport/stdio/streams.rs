//! The process's stdin and stdout, reserved for the protocol.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

#[cfg(unix)]
pub(super) use unix::take;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use rustix::fs::{FileType, fstat};
    use rustix::io::fcntl_dupfd_cloexec;
    use rustix::stdio;
    use tokio::net::unix::pipe;

    use super::{Reader, Writer, io};

    /// Duplicates stdin and stdout for the protocol. Then replaces stdin with an empty input, and stdout with stderr, so
    /// that other code in the process cannot disturb the protocol.
    pub(in super::super) fn take() -> io::Result<(Reader, Writer)> {
        let input = fcntl_dupfd_cloexec(stdio::stdin(), 3)?;
        let output = fcntl_dupfd_cloexec(stdio::stdout(), 3)?;
        stdio::dup2_stdin(File::open("/dev/null")?)?;
        stdio::dup2_stdout(stdio::stderr())?;
        Ok((reader(input)?, writer(output)?))
    }

    fn kind(fd: &OwnedFd) -> io::Result<FileType> {
        Ok(FileType::from_raw_mode(fstat(fd)?.st_mode))
    }

    /// Returns a reader. Pipes and sockets are polled; files and terminals are read by a thread.
    fn reader(fd: OwnedFd) -> io::Result<Reader> {
        Ok(match kind(&fd)? {
            FileType::Fifo => Box::new(pipe::Receiver::from_owned_fd(fd)?),
            FileType::Socket => Box::new(socket(fd)?),
            _ => Box::new(tokio::fs::File::from_std(fd.into())),
        })
    }

    fn writer(fd: OwnedFd) -> io::Result<Writer> {
        Ok(match kind(&fd)? {
            FileType::Fifo => Box::new(pipe::Sender::from_owned_fd(fd)?),
            FileType::Socket => Box::new(socket(fd)?),
            _ => Box::new(tokio::fs::File::from_std(fd.into())),
        })
    }

    fn socket(fd: OwnedFd) -> io::Result<tokio::net::UnixStream> {
        let stream = UnixStream::from(fd);
        stream.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(stream)
    }
}

/// Returns the standard streams unchanged: they are protected on Unix only.
#[cfg(not(unix))]
pub(super) fn take() -> io::Result<(Reader, Writer)> {
    Ok((Box::new(tokio::io::stdin()), Box::new(tokio::io::stdout())))
}
