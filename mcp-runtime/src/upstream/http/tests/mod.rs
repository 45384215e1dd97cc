//! The transport against servers that answer with given bytes.

#![allow(clippy::unwrap_used, clippy::panic)] // allowed in tests

mod listening;
mod messages;
mod refusals;
mod resuming;
mod server;
mod streams;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use self::server::Server;
use super::HttpTransport;
use crate::secret::Secret;
use crate::sync::Mutex;
use crate::upstream::message::is_response_to;
use crate::upstream::transport::{Outgoing, Receive, SendError, Transport as _};

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The messages that the transport has received.
#[derive(Default)]
struct Received {
    messages: Mutex<Vec<(String, Option<u64>)>>,
    changed: Notify,
}

impl Receive for Received {
    fn receive(&self, message: String, of: Option<u64>) {
        self.messages.lock().push((message, of));
        self.changed.notify_one();
    }

    fn receive_response(&self, message: String, id: u64) -> Result<(), String> {
        if !is_response_to(&message, id) {
            return Err(message);
        }
        self.receive(message, Some(id));
        Ok(())
    }

    fn lost(&self, why: &str) {
        panic!("the connection was lost: {why}");
    }
}

impl Received {
    fn take(&self) -> Vec<(String, Option<u64>)> {
        std::mem::take(&mut *self.messages.lock())
    }

    async fn wait_for(&self, count: usize) -> Vec<(String, Option<u64>)> {
        let reached = async {
            while self.messages.lock().len() < count {
                self.changed.notified().await;
            }
        };
        timeout(TIME_LIMIT, reached).await.unwrap();
        self.take()
    }
}

/// A transport to a server, and what it has received.
struct Peer {
    transport: HttpTransport,
    received: Arc<Received>,
}

impl Peer {
    fn new(server: &Server) -> Self {
        Self::with_headers(server, &[])
    }

    fn with_headers(server: &Server, headers: &[(&str, &str)]) -> Self {
        let received = Arc::new(Received::default());
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())));
        let receive: Arc<dyn Receive> = Arc::clone(&received) as _;
        let transport = HttpTransport::new(&server.url, headers.collect(), receive).unwrap();
        Self {
            transport,
            received,
        }
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Result<(), SendError> {
        timeout(TIME_LIMIT, self.transport.send(outgoing).future())
            .await
            .unwrap()
    }

    /// Starts a session, for which the server must have a reply.
    async fn begin_session(&self) {
        let initialize = Outgoing {
            method: Some("initialize"),
            revision: None,
            ..request(0, LEGACY)
        };
        self.send(initialize).await.unwrap();
        assert_eq!(self.received.take().last(), Some(&(result(0), Some(0))));
    }
}

fn request(id: u64, revision: &'static str) -> Outgoing<'static> {
    Outgoing {
        json: format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call"}}"#),
        id: Some(id),
        method: Some("tools/call"),
        name: Some("add"),
        params: Vec::new(),
        revision: Some(revision),
        authorization: None,
    }
}

fn notification(revision: &'static str) -> Outgoing<'static> {
    Outgoing {
        json: r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        id: None,
        method: Some("notifications/initialized"),
        name: None,
        ..request(0, revision)
    }
}

fn result(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
