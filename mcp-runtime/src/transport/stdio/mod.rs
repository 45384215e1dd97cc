//! The stdio transport: one message per line, requests served concurrently, and only messages on stdout.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio>.

mod streams;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::incoming::{self, Incoming, join};
use super::lines::{Line, Lines};
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, Refused, error_reply};
use crate::service::{
    Exchange, Handling, Listening, Origin, Outbound, Pending, Reply, Service, next_connection,
};
use crate::session::Session;
use crate::sync::{Mutex, MutexGuard};

/// The size of one read, in bytes. Lines are handled while fewer bytes than this wait to be written.
const CHUNK: usize = 64 * 1024;

/// The number of unwritten bytes at which reading pauses, so that a client that does not read is not served further.
const MAX_BACKLOG: usize = 4 << 20;

/// The number of unwritten bytes at which notifications are refused.
const NOTIFICATION_BACKLOG: usize = 4 * MAX_BACKLOG;

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
    serve_streams(service, reader, writer, ended).await
}

/// Serves two byte streams until the input ends or `shutdown` resolves.
pub(crate) async fn serve_streams(
    service: Arc<dyn Service>,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut connection = Connection::new(service);
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
    connection.service.cancel(Some(connection.number));
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

/// The state that a connection shares with the tasks of its calls.
#[derive(Default)]
struct Shared {
    output: Mutex<Vec<u8>>,
    changed: Notify,
    /// `true` after the end of the input: the client can no longer answer questions.
    input_ended: AtomicBool,
}

impl Shared {
    fn output(&self) -> MutexGuard<'_, Vec<u8>> {
        self.output.lock()
    }

    fn backlog(&self) -> usize {
        self.output().len()
    }

    fn push(&self, message: String) {
        let mut output = self.output();
        if output.is_empty() {
            // Avoids a copy of large replies.
            *output = message.into_bytes();
        } else {
            output.extend_from_slice(message.as_bytes());
        }
        output.push(b'\n');
    }
}

impl Outbound for Shared {
    fn send(&self, message: String) -> bool {
        let has_capacity = self.backlog() < NOTIFICATION_BACKLOG;
        if has_capacity {
            self.push(message);
            self.changed.notify_one();
        }
        has_capacity
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        !self.input_ended.load(Ordering::Relaxed)
    }
}

/// The replies to a batch, which are sent together when its last request is done.
struct Batch {
    shared: Arc<Shared>,
    replies: Mutex<Vec<String>>,
}

impl Batch {
    fn push(&self, reply: String) {
        let mut replies = self.replies.lock();
        replies.push(reply);
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let replies = self.replies.get_mut();
        if let Some(answer) = join(replies) {
            self.shared.push(answer);
            self.shared.changed.notify_one();
        }
    }
}

struct Connection {
    service: Arc<dyn Service>,
    number: u64,
    session: Option<Session>,
    /// The subscription of the session to changes, which ends when this is dropped.
    listening: Option<Listening>,
    shared: Arc<Shared>,
    /// The tasks of the calls that were not done at the first poll.
    calls: JoinSet<()>,
}

impl Connection {
    fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            number: next_connection(),
            session: None,
            listening: None,
            shared: Arc::default(),
            calls: JoinSet::new(),
        }
    }

    /// Handles the end of the input: notifications stop, and open questions end.
    fn end_input(&mut self) {
        self.shared.input_ended.store(true, Ordering::Relaxed);
        if let Some(session) = &self.session {
            self.service.end_session(session);
        }
        self.service.close();
    }

    fn handle_line(&mut self, line: Line) {
        let limits = self.service.limits();
        let incoming = match line {
            Line::Complete(bytes) => incoming::read(bytes, limits.depth, self.session.as_ref()),
            Line::TooLong(outline) => incoming::from_outline(outline, limits.message_bytes),
        };
        match incoming {
            Ok(Incoming::One(message)) => self.handle_message(message, None),
            Ok(Incoming::Batch(messages)) => self.handle_batch(messages),
            Err(refused) => self.refuse(refused.id.as_ref(), &refused.error),
        }
    }

    fn handle_batch(&mut self, messages: Vec<Result<Arc<Message>, Refused>>) {
        let batch = Arc::new(Batch {
            shared: Arc::clone(&self.shared),
            replies: Mutex::default(),
        });
        for message in messages {
            match message {
                Ok(message) => self.handle_message(message, Some(&batch)),
                Err(Refused { id, error }) => batch.push(error_reply(id.as_ref(), &error)),
            }
        }
    }

    fn refuse(&self, id: Option<&Id>, error: &RpcError) {
        self.shared.push(error_reply(id, error));
    }

    fn handle_message(&mut self, message: Arc<Message>, batch: Option<&Arc<Batch>>) {
        let handling = self.service.handle(Exchange {
            message,
            origin: Origin::of_connection(self.number),
            session: self.session.clone(),
            outbound: Arc::clone(&self.shared) as Arc<dyn Outbound>,
        });
        match handling {
            Handling::Nothing => {}
            Handling::Ready(reply) => self.reply(reply, batch),
            Handling::Pending(pending) => self.spawn(pending, batch.cloned()),
        }
    }

    fn answer(&self, answer: String, batch: Option<&Arc<Batch>>) {
        match batch {
            Some(batch) => batch.push(answer),
            None => self.shared.push(answer),
        }
    }

    fn reply(&mut self, reply: Reply, batch: Option<&Arc<Batch>>) {
        self.answer(reply.text, batch);
        if let Some(session) = reply.opened {
            let outbound = Arc::clone(&self.shared) as Arc<dyn Outbound>;
            self.listening = self.service.listen(&session, outbound);
            self.session = Some(session);
        }
    }

    /// Spawns a task for a call that was not done at the first poll.
    fn spawn(&mut self, pending: Pending, batch: Option<Arc<Batch>>) {
        while self.calls.try_join_next().is_some() {}
        let shared = Arc::clone(&self.shared);
        self.calls.spawn(async move {
            let reply = pending.await;
            match (reply, batch) {
                (None, _) => {}
                (Some(reply), Some(batch)) => batch.push(reply.text),
                (Some(reply), None) => shared.push(reply.text),
            }
            shared.changed.notify_one();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_for_a_client_that_does_not_read_are_bounded() {
        let shared = Shared::default();
        // Including the line break, this is half of the limit.
        let half = "x".repeat(NOTIFICATION_BACKLOG / 2 - 1);
        assert!(shared.send(half.clone()));
        assert!(shared.send(half.clone()));
        assert!(!shared.send(half));
        assert_eq!(shared.backlog(), NOTIFICATION_BACKLOG);
    }
}
