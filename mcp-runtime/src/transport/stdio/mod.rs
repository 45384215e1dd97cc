//! stdio: one message a line, requests served side by side, and nothing but messages on stdout.
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

/// As much as is read at once.
const CHUNK: usize = 64 * 1024;

/// While this much waits to be written, no more is read: a client that does not read is not served further.
const BACKLOG: usize = 4 << 20;

/// While this much waits to be written, in bytes, no notification is added to it.
const MOST_WAITING: usize = 4 * BACKLOG;

/// Serves the process's own stdin and stdout until stdin ends or `shutdown` is ready.
///
/// From then on the process's fd 1 is stderr, so that a stray `println!` does no harm, and its fd 0 is empty, so that a
/// child process takes no request away.
pub(crate) async fn serve(
    service: Arc<dyn Service>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (reader, writer) = streams::take()?;
    // In a task of its own, which is cheaper to look at between two messages than signals are.
    let shutdown = tokio::spawn(shutdown);
    let ended = async {
        // It fails only if waiting for the signal panicked.
        let _ = shutdown.await;
    };
    serve_streams(service, reader, writer, ended).await
}

/// Serves any two byte streams in the same way.
pub(crate) async fn serve_streams(
    service: Arc<dyn Service>,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut connection = Connection::new(service);
    let shared = Arc::clone(&connection.shared);
    let mut lines = Lines::new(connection.service.limits().message_bytes);
    let mut unread = VecDeque::new();
    let mut chunk = vec![0; CHUNK];
    let mut writing = Writing::default();
    tokio::pin!(shutdown);
    loop {
        while shared.backlog() < CHUNK
            && let Some(line) = unread.pop_front()
        {
            connection.line(line);
        }
        writing.refill(&shared);
        // Reading goes on while a slow client takes its answers, up to a point.
        tokio::select! {
            biased;
            written = writer.write(writing.rest()), if !writing.is_empty() => writing.advance(written?)?,
            () = std::future::ready(()), if !unread.is_empty() && shared.backlog() < CHUNK => {}
            read = reader.read(&mut chunk), if unread.is_empty() && shared.backlog() < BACKLOG => {
                let read = read?;
                if read == 0 {
                    break;
                }
                lines.feed(&chunk[..read], |line| unread.push_back(line));
            }
            () = shared.changed.notified(), if writing.is_empty() => {}
            () = &mut shutdown => break,
        }
    }
    lines.finish(|line| unread.push_back(line));
    for line in unread {
        connection.line(line);
    }
    connection.end();
    drain(&mut connection, &mut writing, &mut writer).await
}

/// Waits for the calls in flight and writes their answers; those that take too long are cancelled.
async fn drain(
    connection: &mut Connection,
    writing: &mut Writing,
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let shared = Arc::clone(&connection.shared);
    let calls = &mut connection.calls;
    let drained = async {
        loop {
            writing.refill(&shared);
            while !writing.is_empty() {
                let written = writer.write(writing.rest()).await?;
                writing.advance(written)?;
            }
            if calls.is_empty() && shared.backlog() == 0 {
                return writer.flush().await;
            }
            // What came while the answers before it were written is written first.
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
            "calls in flight were cancelled: they took longer than the server waits at its end"
        );
        Ok(())
    })
}

/// What is being written now.
#[derive(Default)]
struct Writing {
    bytes: Vec<u8>,
    written: usize,
}

impl Writing {
    /// Takes all answers that wait, once the last ones are written: one write for many.
    fn refill(&mut self, shared: &Shared) {
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
            std::mem::swap(&mut self.bytes, &mut shared.output());
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn advance(&mut self, written: usize) -> io::Result<()> {
        self.written += written;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}

/// What the tasks of calls share with the connection.
#[derive(Default)]
struct Shared {
    output: Mutex<Vec<u8>>,
    changed: Notify,
    /// Whether the client sends nothing any more, and so answers nothing.
    silent: AtomicBool,
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
            // Large answers are not copied.
            *output = message.into_bytes();
        } else {
            output.extend_from_slice(message.as_bytes());
        }
        output.push(b'\n');
    }
}

impl Outbound for Shared {
    fn send(&self, message: String) -> bool {
        let room = self.backlog() < MOST_WAITING;
        if room {
            self.push(message);
            self.changed.notify_one();
        }
        room
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        !self.silent.load(Ordering::Relaxed)
    }
}

/// The answers to a batch, which go out together when the last request of it is done.
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
    /// Keeps the session being told of changes.
    listening: Option<Listening>,
    shared: Arc<Shared>,
    /// The calls whose handlers have to wait, each in a task of its own.
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

    /// The client sends nothing any more: nothing is told to it, and nobody answers questions.
    fn end(&mut self) {
        self.shared.silent.store(true, Ordering::Relaxed);
        if let Some(session) = &self.session {
            self.service.end_session(session);
        }
        self.service.close();
    }

    fn line(&mut self, line: Line) {
        let limits = self.service.limits();
        let incoming = match line {
            Line::Whole(bytes) => incoming::read(bytes, limits.depth, self.session.as_ref()),
            Line::TooLong(outline) => incoming::unread(outline, limits.message_bytes),
        };
        match incoming {
            Ok(Incoming::One(message)) => self.message(message, None),
            Ok(Incoming::Batch(messages)) => self.batch(messages),
            Err(refused) => self.refuse(refused.id.as_ref(), &refused.error),
        }
    }

    fn batch(&mut self, messages: Vec<Result<Arc<Message>, Refused>>) {
        let batch = Arc::new(Batch {
            shared: Arc::clone(&self.shared),
            replies: Mutex::default(),
        });
        for message in messages {
            match message {
                Ok(message) => self.message(message, Some(&batch)),
                Err(Refused { id, error }) => batch.push(error_reply(id.as_ref(), &error)),
            }
        }
    }

    fn refuse(&self, id: Option<&Id>, error: &RpcError) {
        self.shared.push(error_reply(id, error));
    }

    fn message(&mut self, message: Arc<Message>, batch: Option<&Arc<Batch>>) {
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

    /// Gives a handler that has to wait a task of its own.
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
        // With the line break it is half of what may wait.
        let half = "x".repeat(MOST_WAITING / 2 - 1);
        assert!(shared.send(half.clone()));
        assert!(shared.send(half.clone()));
        assert!(!shared.send(half));
        assert_eq!(shared.backlog(), MOST_WAITING);
    }
}
