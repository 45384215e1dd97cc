//! stdio: one message a line, requests served side by side, and nothing but messages on stdout.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio>.

mod streams;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::incoming::{self, Incoming, join};
use super::lines::{Line, Lines};
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Kind, Message, Refused, error_reply};
use crate::service::{Exchange, Handling, Listening, Outbound, Pending, Reply, Service, Stop};
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
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (reader, writer) = streams::take()?;
    serve_streams(service, reader, writer, shutdown).await
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
    let mut chunk = vec![0; CHUNK];
    let mut writing = Writing::default();
    tokio::pin!(shutdown);
    loop {
        writing.refill(&shared);
        // Reading goes on while a slow client takes its answers, up to a point.
        tokio::select! {
            biased;
            written = writer.write(writing.rest()), if !writing.is_empty() => writing.advance(written?)?,
            read = reader.read(&mut chunk), if shared.backlog() < BACKLOG => {
                let read = read?;
                if read == 0 {
                    break;
                }
                lines.feed(&chunk[..read], |line| connection.line(line));
            }
            () = shared.changed.notified(), if writing.is_empty() => {}
            () = &mut shutdown => break,
        }
    }
    lines.finish(|line| connection.line(line));
    connection.service.close();
    let grace = connection.service.limits().shutdown_grace;
    drain(&shared, &mut writing, &mut writer, grace).await
}

/// Waits for the calls in flight and writes their answers; those that take too long are cancelled.
async fn drain(
    shared: &Shared,
    writing: &mut Writing,
    writer: &mut (impl AsyncWrite + Unpin),
    grace: Duration,
) -> io::Result<()> {
    let drained = async {
        loop {
            // Asked before the answers are taken: a call leaves its answer before its place.
            let idle = shared.in_flight().is_empty();
            writing.refill(shared);
            while !writing.is_empty() {
                let written = writer.write(writing.rest()).await?;
                writing.advance(written)?;
            }
            if idle && shared.backlog() == 0 {
                return writer.flush().await;
            }
            if !idle {
                shared.changed.notified().await;
            }
        }
    };
    let outcome = tokio::time::timeout(grace, drained).await;
    for (_, call) in shared.in_flight().drain() {
        call.cancel();
    }
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
    in_flight: Mutex<HashMap<Id, InFlight>>,
    changed: Notify,
}

/// A request whose handler has a task of its own.
struct InFlight {
    task: AbortHandle,
    stop: Arc<dyn Stop>,
}

impl InFlight {
    /// Drops the handler. It may be running just now, and must not send anything more.
    fn cancel(self) {
        self.stop.stop();
        self.task.abort();
    }
}

impl Shared {
    fn output(&self) -> MutexGuard<'_, Vec<u8>> {
        self.output.lock()
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<Id, InFlight>> {
        self.in_flight.lock()
    }

    fn backlog(&self) -> usize {
        self.output().len()
    }

    fn push(&self, message: &str) {
        let mut output = self.output();
        output.extend_from_slice(message.as_bytes());
        output.push(b'\n');
    }
}

impl Outbound for Shared {
    fn send(&self, message: String) -> bool {
        let room = self.backlog() < MOST_WAITING;
        if room {
            self.push(&message);
            self.changed.notify_one();
        }
        room
    }

    fn is_shared(&self) -> bool {
        true
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
            self.shared.push(&answer);
            self.shared.changed.notify_one();
        }
    }
}

struct Connection {
    service: Arc<dyn Service>,
    session: Option<Session>,
    /// Keeps the session being told of changes.
    listening: Option<Listening>,
    shared: Arc<Shared>,
}

impl Connection {
    fn new(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            session: None,
            listening: None,
            shared: Arc::default(),
        }
    }

    fn line(&mut self, line: Line) {
        let limits = self.service.limits();
        let bytes = match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong => {
                let message = format!("The message is longer than {} bytes", limits.message_bytes);
                return self.refuse(None, &RpcError::invalid_request(message));
            }
        };
        match incoming::read(bytes, limits.depth, self.session.as_ref()) {
            Ok(Incoming::One(message)) => self.message(message, None),
            Ok(Incoming::Batch(messages)) => self.batch(messages),
            Err(refused) => self.refuse(refused.id.as_ref(), &refused.error),
        }
    }

    fn batch(&mut self, messages: Vec<Result<Message, Refused>>) {
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
        self.shared.push(&error_reply(id, error));
    }

    fn message(&mut self, message: Message, batch: Option<&Arc<Batch>>) {
        let id = match message.kind() {
            Kind::Request(id) => Some(id.clone()),
            Kind::Notification if message.method() == "notifications/cancelled" => {
                self.cancel(&message);
                None
            }
            _ => None,
        };
        if let Some(id) = id
            .as_ref()
            .filter(|id| self.shared.in_flight().contains_key(id))
        {
            let message = format!("The id {id} belongs to a request that is still being served");
            let refusal = error_reply(Some(id), &RpcError::invalid_request(message));
            return self.answer(refusal, batch);
        }
        let handling = self.service.handle(Exchange {
            message,
            session: self.session.clone(),
            headers: None,
            outbound: Arc::clone(&self.shared) as Arc<dyn Outbound>,
        });
        match (handling, id) {
            (Handling::Ready(reply), _) => self.reply(reply, batch),
            (Handling::Pending(pending), Some(id)) => self.spawn(id, pending, batch.cloned()),
            _ => {}
        }
    }

    fn answer(&self, answer: String, batch: Option<&Arc<Batch>>) {
        match batch {
            Some(batch) => batch.push(answer),
            None => self.shared.push(&answer),
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
    fn spawn(&self, id: Id, pending: Pending, batch: Option<Arc<Batch>>) {
        let shared = Arc::clone(&self.shared);
        let key = id.clone();
        let Pending { future, stop } = pending;
        let this = Arc::clone(&stop);
        // Held until the task is known, so that it cannot end before.
        let mut in_flight = self.shared.in_flight();
        let task = tokio::spawn(async move {
            let reply = future.await;
            let mut in_flight = shared.in_flight();
            // If it was cancelled meanwhile it gets no answer, and its id may be that of another request by now.
            if in_flight
                .get(&key)
                .is_some_and(|call| Arc::ptr_eq(&call.stop, &this))
            {
                match batch {
                    // The last of a batch takes the whole with it, here, before its place is free.
                    Some(batch) => batch.push(reply.text),
                    None => shared.push(&reply.text),
                }
                in_flight.remove(&key);
            }
            drop(in_flight);
            shared.changed.notify_one();
        });
        let task = task.abort_handle();
        in_flight.insert(id, InFlight { task, stop });
    }

    /// Drops the handler of a request; one that is unknown or finished is none of our concern.
    fn cancel(&self, message: &Message) {
        let id = message.params().ok().and_then(|params| params.request_id());
        let call = id.and_then(|id| self.shared.in_flight().remove(&id));
        if let Some(call) = call {
            call.cancel();
        }
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
