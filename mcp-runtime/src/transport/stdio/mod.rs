//! The stdio transport: one message per line, requests served concurrently, and only messages on stdout.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio>.

mod streams;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::connection::{Connection, Shared};
use super::lines::{Line, Lines};
use crate::service::{Service, TransportKind};

/// The size of one read, in bytes. Lines are handled while fewer bytes than this wait to be written.
const CHUNK: usize = 64 * 1024;

/// Serves the process's stdin and stdout until stdin ends or `shutdown` resolves.
///
/// From the start on, the process's fd 1 is stderr, so that a stray `println!` does not corrupt the protocol, and its fd 0 is
/// empty, so that a child process cannot read requests.
pub(crate) async fn serve(
    service: Arc<dyn Service>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (reader, writer) = streams::take()?;
    // In a separate task, because polling its handle between messages is cheaper than polling signals.
    let shutdown = tokio::spawn(shutdown);
    let ended = async {
        // Joining fails only if the task panicked.
        let _ = shutdown.await;
    };
    let transport = TransportKind::Stdio;
    serve_streams(service, transport, reader, writer, ended).await
}

/// Serves two byte streams until the input ends or `shutdown` resolves.
pub(crate) async fn serve_streams(
    service: Arc<dyn Service>,
    transport: TransportKind,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut connection = Connection::new(service, transport);
    let shared = Arc::clone(&connection.shared);
    let mut lines = Lines::new(connection.service.limits().message_bytes);
    let mut unhandled = Unhandled::default();
    let mut buffer = vec![0; CHUNK];
    let mut writing = WriteBuffer::default();
    tokio::pin!(shutdown);
    let mut ended = false;
    loop {
        while shared.backlog() < CHUNK
            && let Some(line) = unhandled.pop()
        {
            connection.handle_line(line);
        }
        if ended && unhandled.is_empty() {
            break;
        }
        writing.refill(&shared);
        tokio::select! {
            biased;
            written = writer.write(writing.remaining()), if !writing.is_empty() => writing.advance(written?)?,
            () = std::future::ready(()), if !unhandled.is_empty() && shared.backlog() < CHUNK => {}
            // Reading continues while the client does not read its replies, because it may write all requests first.
            read = reader.read(&mut buffer), if !ended && unhandled.has_capacity() => {
                let read = read?;
                if read == 0 {
                    ended = true;
                    lines.finish(|line| unhandled.push(line));
                } else {
                    lines.feed(&buffer[..read], |line| unhandled.push(line));
                }
            }
            () = shared.changed.notified(), if writing.is_empty() => {}
            () = &mut shutdown => break,
        }
    }
    // The shutdown may have begun between two lines that arrived together.
    while shared.backlog() < CHUNK
        && let Some(line) = unhandled.pop()
    {
        connection.handle_line(line);
    }
    connection.end_input();
    drain(&mut connection, &mut writing, &mut writer).await
}

/// Waits for the calls in flight and writes their replies. Calls that exceed the grace period are cancelled.
async fn drain(
    connection: &mut Connection,
    writing: &mut WriteBuffer,
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let shared = Arc::clone(&connection.shared);
    let calls = &connection.calls;
    let drained = async {
        loop {
            writing.refill(&shared);
            while !writing.is_empty() {
                let written = writer.write(writing.remaining()).await?;
                writing.advance(written)?;
            }
            if calls.is_empty() && shared.backlog() == 0 {
                return writer.flush().await;
            }
            // Writes what was added during the last write before it waits again.
            if shared.backlog() == 0 {
                tokio::select! {
                    () = calls.ended(), if !calls.is_empty() => {}
                    () = shared.changed.notified() => {}
                }
            }
        }
    };
    let grace = connection.service.limits().shutdown_grace;
    let outcome = tokio::time::timeout(grace, drained).await;
    connection.service.cancel(connection.number);
    outcome.unwrap_or_else(|_| {
        tracing::warn!(
            "calls in flight were cancelled: they did not finish within the shutdown grace period"
        );
        Ok(())
    })
}

/// The size of the lines at which reading pauses, in bytes, until some of them are handled. A client that writes more than this
/// before it reads its replies waits until it reads.
const MAX_UNHANDLED: usize = 4 << 20;

/// The memory overhead of a line, in bytes.
const OVERHEAD: usize = 64;

/// The lines that are not handled yet, because the client does not read its replies.
#[derive(Default)]
struct Unhandled {
    lines: VecDeque<Line>,
    bytes: usize,
}

impl Unhandled {
    fn push(&mut self, line: Line) {
        self.bytes += line.len() + OVERHEAD;
        self.lines.push_back(line);
    }

    fn pop(&mut self) -> Option<Line> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.len() + OVERHEAD;
        Some(line)
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn has_capacity(&self) -> bool {
        self.bytes < MAX_UNHANDLED
    }
}

/// The bytes that are being written.
#[derive(Default)]
struct WriteBuffer {
    bytes: Vec<u8>,
    written: usize,
}

impl WriteBuffer {
    /// Takes all waiting replies once the previous ones are written, so that many replies need one write.
    fn refill(&mut self, shared: &Shared) {
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
            shared.take_output(&mut self.bytes);
        }
    }

    fn remaining(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    fn is_empty(&self) -> bool {
        self.remaining().is_empty()
    }

    fn advance(&mut self, written: usize) -> io::Result<()> {
        self.written += written;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}
