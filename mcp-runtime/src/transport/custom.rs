//! Transports that the application supplies, such as WebSocket: whole messages in both directions.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::connection::{Connection, MAX_BACKLOG, Shared};
use super::lines::Line;
use crate::service::{Service, TransportKind};

/// A connection to one client that carries whole messages, such as a WebSocket.
///
/// [`Server::serve`](crate::Server::serve) serves one connection. [`Server::start`](crate::Server::start) and
/// [`RunningServer::serve`](crate::RunningServer::serve) serve several connections with one server.
///
/// `receive` and `send` run concurrently, so each of them needs its own half of the connection. Neither runs twice at the
/// same time.
///
/// ```
/// use std::io;
/// use mcp_runtime::{Server, Transport};
/// use tokio::sync::{Mutex, mpsc};
///
/// struct Channels {
///     incoming: Mutex<mpsc::Receiver<String>>,
///     outgoing: mpsc::Sender<String>,
/// }
///
/// impl Transport for Channels {
///     async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
///         Ok(self.incoming.lock().await.recv().await.map(String::into_bytes))
///     }
///
///     async fn send(&self, message: String) -> io::Result<()> {
///         self.outgoing.send(message).await.map_err(io::Error::other)
///     }
/// }
///
/// # async fn serve(channels: Channels) -> Result<(), mcp_runtime::ServeError> {
/// Server::new("calc", "1.0.0").serve(channels).await
/// # }
/// ```
pub trait Transport: Send + Sync {
    /// Receives the next message, one JSON text. Returns `None` when the client sends no more messages.
    ///
    /// The future is dropped when the server shuts down.
    ///
    /// # Errors
    /// Returns an error if the connection failed.
    fn receive(&self) -> impl Future<Output = io::Result<Option<Vec<u8>>>> + Send;

    /// Sends one message, a JSON text without line breaks.
    ///
    /// # Errors
    /// Returns an error if the connection failed.
    fn send(&self, message: String) -> impl Future<Output = io::Result<()>> + Send;

    /// Closes the connection after the last message. It does nothing by default.
    ///
    /// # Errors
    /// Returns an error if the connection failed.
    fn close(&self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Serves one connection until its client sends no more messages or `shutdown` resolves. Calls in flight then have the grace
/// period to finish.
pub(crate) async fn serve(
    service: Arc<dyn Service>,
    transport: impl Transport,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut connection = Connection::new(service, TransportKind::Custom);
    let output = Output {
        shared: Arc::clone(&connection.shared),
        taken: Notify::new(),
        is_complete: AtomicBool::new(false),
    };
    let mut sending = pin!(output.send_all(&transport));
    let outcome = tokio::select! {
        biased;
        sent = sending.as_mut() => sent,
        received = receive_all(&mut connection, &transport, &output) => received,
        () = shutdown => Ok(()),
    };
    connection.end_input();
    let finishing = async {
        connection.calls.ended().await;
        output.complete();
    };
    if outcome.is_ok() {
        let finished = async {
            if tokio::join!(finishing, sending).1.is_ok() {
                let _ = transport.close().await;
            }
        };
        let grace = connection.service.limits().shutdown_grace;
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!("the shutdown grace period is over: cancelling the calls in flight");
        }
    }
    connection.service.cancel(connection.number);
    outcome
}

/// Handles all messages of the client, and waits while too many bytes are unsent.
async fn receive_all(
    connection: &mut Connection,
    transport: &impl Transport,
    output: &Output,
) -> io::Result<()> {
    let limit = connection.service.limits().message_bytes;
    while let Some(message) = transport.receive().await? {
        connection.handle_line(Line::of_message(message, limit));
        output.shared.changed.notify_one();
        while output.shared.backlog() >= MAX_BACKLOG {
            output.taken.notified().await;
        }
    }
    Ok(())
}

/// The output of a connection, which is sent message by message.
struct Output {
    shared: Arc<Shared>,
    /// Notified when waiting messages are taken to be sent.
    taken: Notify,
    /// `true` if no message is added any more.
    is_complete: AtomicBool,
}

impl Output {
    fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
        self.shared.changed.notify_one();
    }

    /// Sends messages until the output is complete or the connection fails.
    async fn send_all(&self, transport: &impl Transport) -> io::Result<()> {
        loop {
            let is_complete = self.is_complete.load(Ordering::Acquire);
            let mut messages = Vec::new();
            self.shared.take_output(&mut messages);
            if !messages.is_empty() {
                self.taken.notify_one();
                for message in split(messages) {
                    transport.send(message).await?;
                }
            } else if is_complete {
                return Ok(());
            } else {
                self.shared.changed.notified().await;
            }
        }
    }
}

/// Splits the output into its messages, which contain no line breaks. A single message is not copied.
fn split(mut output: Vec<u8>) -> Vec<String> {
    let end = output.iter().position(|&byte| byte == b'\n');
    if end.is_some_and(|end| end + 1 == output.len()) {
        output.pop();
    }
    match String::from_utf8(output) {
        Ok(text) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
        Ok(text) => vec![text],
        // Messages are built from strings.
        Err(_) => Vec::new(),
    }
}
