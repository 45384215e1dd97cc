//! The stdio transport: one message per line, requests served concurrently, and only messages on stdout.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio>.

mod streams;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::connection::{Connection, MAX_BACKLOG, Shared};
use super::lines::Lines;
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
    let mut unhandled = VecDeque::new();
    let mut buffer = vec![0; CHUNK];
    let mut writing = WriteBuffer::default();
    tokio::pin!(shutdown);
    loop {
        while shared.backlog() < CHUNK
            && let Some(line) = unhandled.pop_front()
        {
            connection.handle_line(line);
        }
        writing.refill(&shared);
        // Reading continues while a slow client takes its replies, up to `MAX_BACKLOG`.
        tokio::select! {
            biased;
            written = writer.write(writing.remaining()), if !writing.is_empty() => writing.advance(written?)?,
            () = std::future::ready(()), if !unhandled.is_empty() && shared.backlog() < CHUNK => {}
            read = reader.read(&mut buffer), if unhandled.is_empty() && shared.backlog() < MAX_BACKLOG => {
                let read = read?;
                if read == 0 {
                    break;
                }
                lines.feed(&buffer[..read], |line| unhandled.push_back(line));
            }
            () = shared.changed.notified(), if writing.is_empty() => {}
            () = &mut shutdown => break,
        }
    }
    lines.finish(|line| unhandled.push_back(line));
    for line in unhandled {
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
    let calls = &mut connection.calls;
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
                    _ = calls.join_next(), if !calls.is_empty() => {}
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
            std::mem::swap(&mut self.bytes, &mut shared.output());
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
