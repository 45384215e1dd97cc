//! A server that answers each request with the next of its replies.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::TIME_LIMIT;
use crate::sync::Mutex;

/// A reply to a request.
pub(super) struct Reply {
    pieces: Vec<Vec<u8>>,
    /// `true` if the connection ends after the pieces; otherwise, it waits for another request.
    ends: bool,
}

impl Reply {
    /// A reply with a length, after which the connection stays open.
    pub(super) fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {status} Status\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        Self {
            pieces: vec![head.into_bytes()],
            ends: false,
        }
    }

    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::new(
            status,
            &[("content-type", "application/json; charset=utf-8")],
            body,
        )
    }

    /// A stream of events that ends with the connection.
    pub(super) fn stream(pieces: &[&[u8]]) -> Self {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let pieces = std::iter::once(&head[..]).chain(pieces.iter().copied());
        Self {
            pieces: pieces.map(<[u8]>::to_vec).collect(),
            ends: true,
        }
    }

    /// These bytes, after which the connection ends.
    pub(super) fn raw(bytes: &[u8]) -> Self {
        Self {
            pieces: vec![bytes.to_vec()],
            ends: true,
        }
    }

    /// No reply, while the connection stays open.
    pub(super) fn nothing() -> Self {
        Self {
            pieces: Vec::new(),
            ends: false,
        }
    }

    /// The same reply, after which the connection ends.
    pub(super) fn last(self) -> Self {
        Self { ends: true, ..self }
    }

    /// The same reply, after which the connection stays open.
    pub(super) fn held(self) -> Self {
        Self {
            ends: false,
            ..self
        }
    }
}

/// A request that the server has received.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The method and the path, such as `POST /mcp`.
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Default)]
struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<Connections>,
    changed: Notify,
}

#[derive(Default)]
struct Connections {
    accepted: usize,
    /// Those that the client has closed.
    closed: usize,
}

/// The server. It ends when it is dropped.
pub(super) struct Server {
    pub(super) url: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        shared.replies.lock().extend(replies);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            url,
            shared,
            _tasks: tasks,
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    pub(super) fn accepted(&self) -> usize {
        self.shared.connections.lock().accepted
    }

    /// Waits for this number of requests.
    pub(super) async fn wait_for_requests(&self, count: usize) -> Vec<Seen> {
        self.wait(|shared| shared.seen.lock().len() >= count).await;
        self.seen()
    }

    /// Waits until the client has closed this number of connections.
    pub(super) async fn wait_for_closed(&self, count: usize) {
        self.wait(|shared| shared.connections.lock().closed >= count)
            .await;
    }

    async fn wait(&self, is_reached: impl Fn(&Shared) -> bool) {
        let reached = async {
            while !is_reached(&self.shared) {
                self.shared.changed.notified().await;
            }
        };
        timeout(TIME_LIMIT, reached).await.unwrap();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.lock().accepted += 1;
        stream.set_nodelay(true).unwrap();
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufStream::new(stream);
    while let Some(seen) = read(&mut stream).await {
        shared.seen.lock().push(seen);
        shared.changed.notify_one();
        let Some(reply) = shared.replies.lock().pop_front() else {
            return;
        };
        for piece in &reply.pieces {
            if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                break;
            }
            if reply.pieces.len() > 1 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        if reply.ends {
            return;
        }
    }
    shared.connections.lock().closed += 1;
    shared.changed.notify_one();
}

/// Reads a request, or `None` if the client has closed the connection.
async fn read(stream: &mut BufStream<TcpStream>) -> Option<Seen> {
    let mut start = String::new();
    stream.read_line(&mut start).await.ok()?;
    let target = start.trim().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        let earlier = headers.insert(name.to_lowercase(), value.to_owned());
        assert_eq!(earlier, None, "{name} is sent twice");
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        target,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
