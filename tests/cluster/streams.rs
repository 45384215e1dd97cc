//! Streams of sessions that a client resumes at another replica.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use mcp_runtime::prelude::*;
use mcp_runtime::{LogRead, MemoryStore, Principal, ServerHandle, Store, StoreEntry, StoreFuture};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The revisions whose streams can be resumed. The newer one begins a stream with an event that has only an id.
const REVISIONS: [&str; 2] = ["2025-11-25", "2025-06-18"];

/// The maximum time to wait for an expected event.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The time to wait before checking that something did not happen.
const SHORT_WAIT: Duration = Duration::from_millis(300);

/// Reports progress with a message of this size, with a pause after each report.
#[tool]
async fn steps(count: usize, bytes: usize, pause: u64, context: Context) -> String {
    for step in 1..=count {
        let text = format!("{step}:{}", "x".repeat(bytes));
        context.progress(step, Some(count), Some(&text));
        sleep(Duration::from_millis(pause)).await;
    }
    "y".repeat(bytes)
}

/// A resource.
#[resource("text://readme")]
async fn readme() -> &'static str {
    "text"
}

/// A prompt.
#[prompt]
async fn hello() -> &'static str {
    "Hello!"
}

/// A store that is away for some time, and counts what is done with streams.
#[derive(Clone, Default)]
struct Shared {
    store: Arc<MemoryStore>,
    is_away: Arc<AtomicBool>,
    used: Arc<AtomicUsize>,
}

impl Shared {
    fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Counts an operation, and fails while the store is away.
    fn enter(&self, key: &str) -> Result<(), &'static str> {
        if key.starts_with("stream-") {
            self.used.fetch_add(1, Ordering::SeqCst);
        }
        if self.is_away.load(Ordering::SeqCst) {
            return Err("the store is away");
        }
        Ok(())
    }
}

/// Runs an operation of the store unless it is away.
macro_rules! unless_away {
    ($shared:ident, $key:ident, $method:ident $(, $argument:expr)*) => {
        Box::pin(async move {
            $shared.enter($key)?;
            $shared.store.$method($key $(, $argument)*).await
        })
    };
}

impl Store for Shared {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        unless_away!(self, key, get)
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, bool> {
        unless_away!(self, key, put_if_absent, entry)
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        old: &'a [u8],
        entry: StoreEntry<'a>,
    ) -> StoreFuture<'a, bool> {
        unless_away!(self, key, replace, old, entry)
    }

    fn remove<'a>(&'a self, key: &'a str) -> StoreFuture<'a, ()> {
        unless_away!(self, key, remove)
    }

    fn append<'a>(&'a self, log: &'a str, entry: StoreEntry<'a>) -> StoreFuture<'a, u64> {
        unless_away!(self, log, append, entry)
    }

    fn read_after<'a>(
        &'a self,
        log: &'a str,
        after: u64,
        wait: Duration,
    ) -> StoreFuture<'a, LogRead> {
        unless_away!(self, log, read_after, after, wait)
    }

    fn last_position<'a>(&'a self, log: &'a str) -> StoreFuture<'a, u64> {
        unless_away!(self, log, last_position)
    }
}

/// One server of several, with the header `X-User` as the principal of a request.
struct Replica {
    address: SocketAddr,
    handle: ServerHandle,
    serving: JoinHandle<()>,
}

/// Inserts the principal that a header names.
async fn authenticate(mut request: Request, next: Next) -> Response {
    if let Some(user) = request.headers().get("x-user") {
        let principal = Principal::new(user.to_str().unwrap());
        request.extensions_mut().insert(principal);
    }
    next.run(request).await
}

impl Replica {
    async fn start(store: impl Store) -> Self {
        let server = Server::new("app", "1")
            .with(components![steps, readme, hello])
            .session_keys([[7; 32]])
            .cluster(store);
        let handle = server.handle();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = server.into_service().await.unwrap();
        let router = axum::Router::new()
            .route_service("/mcp", service)
            .layer(axum::middleware::from_fn(authenticate));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            handle,
            serving,
        }
    }

    /// Stops the server gracefully, and closes its socket.
    async fn stop(self) {
        self.handle.stop().await;
        self.serving.abort();
    }
}

/// Returns two replicas.
async fn pair(store: impl Store + Clone) -> (Replica, Replica) {
    (
        Replica::start(store.clone()).await,
        Replica::start(store).await,
    )
}

/// A client in one session.
#[derive(Clone)]
struct Client {
    user: &'static str,
    revision: &'static str,
    session: String,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: String,
    data: Value,
}

/// A response that is being read.
struct Reading {
    status: u16,
    head: String,
    reader: BufReader<TcpStream>,
}

impl Client {
    async fn start(at: &Replica, user: &'static str, revision: &'static str) -> Self {
        let mut client = Self {
            user,
            revision,
            session: String::new(),
        };
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let opened = client.post(at, "initialize", params).await;
        assert_eq!(opened.status, 200);
        client.session = opened.header("mcp-session-id").unwrap();
        client
    }

    async fn send(&self, at: &Replica, method: &str, headers: &str, body: &str) -> Reading {
        let mut head =
            format!("{method} /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        head += "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
        write!(
            head,
            "X-User: {}\r\nContent-Length: {}\r\n",
            self.user,
            body.len()
        )
        .unwrap();
        if !self.session.is_empty() {
            write!(
                head,
                "Mcp-Session-Id: {}\r\nMCP-Protocol-Version: {}\r\n",
                self.session, self.revision
            )
            .unwrap();
        }
        let mut socket = TcpStream::connect(at.address).await.unwrap();
        let request = format!("{head}{headers}\r\n{body}");
        socket.write_all(request.as_bytes()).await.unwrap();
        Reading::new(socket).await
    }

    async fn post(&self, at: &Replica, method: &str, params: Value) -> Reading {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.send(at, "POST", "", &body.to_string()).await
    }

    /// Starts a call whose steps are reported.
    async fn steps(&self, at: &Replica, count: usize, bytes: usize, pause: u64) -> Reading {
        let params = json!({
            "name": "steps",
            "arguments": { "count": count, "bytes": bytes, "pause": pause },
            "_meta": { "progressToken": "t" },
        });
        let reading = self.post(at, "tools/call", params).await;
        assert_eq!(reading.status, 200);
        reading
    }

    /// Opens a GET stream, or resumes the stream of an event.
    async fn listen(&self, at: &Replica, last_event: Option<&str>) -> Reading {
        let last = last_event.map(|id| format!("Last-Event-ID: {id}\r\n"));
        self.send(at, "GET", &last.unwrap_or_default(), "").await
    }

    async fn resume(&self, at: &Replica, last_event: &str) -> Reading {
        let reading = self.listen(at, Some(last_event)).await;
        assert_eq!(reading.status, 200);
        reading
    }

    /// Checks that the client cannot resume a stream, and gets another one.
    async fn cannot_resume(&self, at: &Replica, last_event: &str) {
        let mut other = self.resume(at, last_event).await;
        let next = timeout(SHORT_WAIT, other.next()).await;
        let of = |id: &str| id.rsplit_once('-').unwrap().0.to_owned();
        match next {
            Err(_) => {}
            Ok(Some(event)) => {
                assert_ne!(of(&event.id), of(last_event), "{event:?}");
                assert_eq!(event.data, Value::Null, "{event:?}");
            }
            Ok(None) => panic!("the stream of {last_event} has ended"),
        }
    }
}

impl Reading {
    async fn new(socket: TcpStream) -> Self {
        let mut reader = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = timeout(TIMEOUT, reader.read_line(&mut head)).await;
            assert!(
                read.unwrap().unwrap() > 0,
                "the response ended after {head:?}"
            );
        }
        let status = head[9..12].parse().unwrap();
        Self {
            status,
            head,
            reader,
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        let mut lines = self.head.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        Some(line.to_owned())
    }

    /// Returns the next event; `None` at the end of the stream. The data of the first event may be missing.
    async fn next(&mut self) -> Option<Event> {
        let mut id = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(TIMEOUT, self.reader.read_line(&mut line)).await;
            if read.expect("an event in time").unwrap_or(0) == 0 {
                return None;
            }
            if let Some(text) = line.strip_prefix("id: ") {
                text.trim_end().clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("data:") {
                let data = serde_json::from_str(text).unwrap_or_default();
                return Some(Event { id, data });
            }
        }
    }

    /// Returns the next events, without those that have no data.
    async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            let event = self.next().await.expect("another event");
            if event.data != Value::Null {
                events.push(event);
            }
        }
        events
    }

    /// Returns the events until the end of the stream.
    async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events.retain(|event| event.data != Value::Null);
        events
    }
}

/// Checks that these are all events of a call with steps, each of them once, and that their ids are consecutive.
fn check_steps(events: &[Event], count: usize, bytes: usize, place: &str) {
    let stream = events[0].id.rsplit_once('-').unwrap().0;
    assert_eq!(events.len(), count + 1, "{place}");
    for (number, event) in (1..).zip(events) {
        assert_eq!(event.id, format!("{stream}-{number}"), "{place}");
        if number <= count {
            let text = event.data["params"]["message"].as_str().unwrap();
            let (step, rest) = text.split_once(':').unwrap();
            assert_eq!((step, rest.len()), (&*number.to_string(), bytes), "{place}");
        } else {
            let text = event.data["result"]["content"][0]["text"].as_str();
            assert_eq!(text.unwrap().len(), bytes, "{place}");
        }
    }
}

/// Small events share an entry of the log, and large ones are values of the store.
const SIZES: [usize; 3] = [1, 5_000, 100_000];

#[tokio::test]
async fn a_call_whose_connection_is_lost_goes_on_at_another_replica() {
    for revision in REVISIONS {
        for bytes in SIZES {
            let place = format!("{revision}, {bytes}");
            let (a, b) = pair(Shared::default()).await;
            let client = Client::start(&a, "ada", revision).await;
            let mut first = client.steps(&a, 12, bytes, 20).await;
            let mut events = first.take(4).await;
            drop(first);
            // In the middle of the call, and once more.
            let mut second = client.resume(&b, &events[3].id).await;
            events.extend(second.take(3).await);
            drop(second);
            let mut third = client.resume(&b, &events[6].id).await;
            events.extend(third.rest().await);
            check_steps(&events, 12, bytes, &place);
            // The whole stream, again and after its end.
            let name = events[0].id.rsplit_once('-').unwrap().0;
            let again = client.resume(&b, &format!("{name}-0")).await.rest().await;
            assert_eq!(again, events, "{place}");
            let end = client.resume(&b, &events[12].id).await.rest().await;
            assert_eq!(end, [], "{place}");
            // The replica that has the stream sends the same.
            let local = client.resume(&a, &events[9].id).await.rest().await;
            assert_eq!(local, events[10..], "{place}");
        }
    }
}

#[tokio::test]
async fn the_reply_of_a_stopped_replica_is_at_the_others() {
    for bytes in SIZES {
        let (a, b) = pair(Shared::default()).await;
        let client = Client::start(&a, "ada", REVISIONS[0]).await;
        let mut first = client.steps(&a, 5, bytes, 50).await;
        let mut events = first.take(2).await;
        drop(first);
        // The call ends during the shutdown.
        a.stop().await;
        events.extend(client.resume(&b, &events[1].id).await.rest().await);
        check_steps(&events, 5, bytes, &bytes.to_string());
    }
}

#[tokio::test]
async fn nobody_else_resumes_a_stream() {
    let (a, b) = pair(Shared::default()).await;
    let client = Client::start(&a, "ada", REVISIONS[0]).await;
    let mut first = client.steps(&a, 3, 1, 1).await;
    let events = first.rest().await;
    // Another session of the same caller has no such stream.
    let other = Client::start(&b, "ada", REVISIONS[0]).await;
    other.cannot_resume(&b, &events[0].id).await;
    // Another caller has no such session.
    let thief = Client {
        user: "eve",
        ..client.clone()
    };
    assert_eq!(thief.listen(&b, Some(&events[0].id)).await.status, 404);
    // Streams that never were.
    let (name, _) = events[0].id.rsplit_once('-').unwrap();
    let replica = name.split_once('-').unwrap().0;
    for id in [
        format!("{replica}-99-1"),
        "0123456789abcdef-0-1".to_owned(),
        format!("{replica}{replica}-0-1"),
    ] {
        client.cannot_resume(&b, &id).await;
    }
    assert_eq!(client.resume(&b, &events[0].id).await.rest().await.len(), 3);
}

#[tokio::test]
async fn the_streams_of_an_ended_session_are_gone() {
    let store = Shared::default();
    let (a, b) = pair(store.clone()).await;
    let client = Client::start(&a, "ada", REVISIONS[0]).await;
    let mut first = client.steps(&a, 100, 1, 50).await;
    let events = first.take(2).await;
    let mut follower = client.resume(&b, &events[1].id).await;
    follower.take(1).await;
    assert_eq!(client.send(&a, "DELETE", "", "").await.status, 204);
    assert!(follower.rest().await.len() < 50, "the follower ends");
    assert_eq!(client.listen(&b, Some(&events[0].id)).await.status, 404);
}

#[tokio::test]
async fn a_store_that_is_away_for_a_while_misses_nothing() {
    let store = Shared::default();
    let (a, b) = pair(store.clone()).await;
    let client = Client::start(&a, "ada", REVISIONS[0]).await;
    // Each replica has read the session before.
    for replica in [&a, &b] {
        assert_eq!(client.post(replica, "ping", json!({})).await.status, 200);
    }
    for bytes in SIZES {
        store.set_away(true);
        let mut first = client.steps(&a, 8, bytes, 20).await;
        // The reader at the replica does not wait for the store.
        let mut events = first.take(6).await;
        drop(first);
        let refused = client.listen(&b, Some(&events[5].id)).await;
        assert_eq!(refused.status, 503);
        assert!(refused.header("retry-after").is_some());
        store.set_away(false);
        let begin = tokio::time::Instant::now();
        let name = events[0].id.rsplit_once('-').unwrap().0.to_owned();
        while store
            .store
            .last_position(&format!("stream-{name}"))
            .await
            .unwrap()
            == 0
        {
            assert!(begin.elapsed() < TIMEOUT, "the store is used again");
            sleep(Duration::from_millis(10)).await;
        }
        events.extend(client.resume(&b, &events[5].id).await.rest().await);
        check_steps(&events, 8, bytes, &bytes.to_string());
        let again = client.resume(&b, &format!("{name}-0")).await.rest().await;
        assert_eq!(again, events);
    }
}

#[tokio::test]
async fn notifications_of_a_session_follow_it_to_another_replica() {
    for revision in REVISIONS {
        let (a, b) = pair(Shared::default()).await;
        let client = Client::start(&a, "ada", revision).await;
        let mut first = client.listen(&a, None).await;
        let notifier = a.handle.notify().unwrap();
        notifier.tools_changed();
        let mut events = first.take(1).await;
        drop(first);
        notifier.prompts_changed();
        notifier.resources_changed();
        let mut second = client.resume(&b, &events[0].id).await;
        events.extend(second.take(2).await);
        notifier.tools_changed();
        events.extend(second.take(1).await);
        let methods: Vec<_> = events
            .iter()
            .map(|event| event.data["method"].clone())
            .collect();
        let changed = |kind: &str| format!("notifications/{kind}/list_changed");
        let expected = ["tools", "prompts", "resources", "tools"].map(changed);
        assert_eq!(methods, expected, "{revision}");
        // It does not depend on the replica that had the first one.
        a.stop().await;
        b.handle.notify().unwrap().prompts_changed();
        assert_eq!(second.take(1).await.len(), 1, "{revision}");
    }
}

#[tokio::test]
async fn the_changes_between_a_stream_and_the_one_after_it_are_told() {
    for (revision, is_killed) in REVISIONS
        .into_iter()
        .flat_map(|it| [(it, false), (it, true)])
    {
        let store = Shared::default();
        let of_a = Shared {
            store: Arc::clone(&store.store),
            ..Shared::default()
        };
        let a = Replica::start(of_a.clone()).await;
        let b = Replica::start(store.clone()).await;
        let client = Client::start(&a, "ada", revision).await;
        let uri = json!({ "uri": "text://readme" });
        let subscribed = client.post(&b, "resources/subscribe", uri.clone()).await;
        assert_eq!(subscribed.status, 200);
        let mut first = client.listen(&a, None).await;
        let notifier = b.handle.notify().unwrap();
        notifier.resource_updated("text://readme");
        notifier.tools_changed();
        let last = first.take(2).await.remove(1).id;
        // The event is in the log of the stream soon after it was sent.
        sleep(SHORT_WAIT).await;
        if is_killed {
            of_a.set_away(true);
            let replica = last.split('-').next().unwrap();
            store.remove(&format!("replica-{replica}")).await.unwrap();
        } else {
            a.stop().await;
        }
        notifier.prompts_changed();
        notifier.resource_updated("text://other");
        notifier.resource_updated("text://readme");
        notifier.prompts_changed();
        let mut second = client.resume(&b, &last).await;
        let told = second.take(2).await;
        let place = format!("{revision}, killed: {is_killed}");
        let methods: Vec<_> = told.iter().map(|event| &event.data["method"]).collect();
        let expected = [
            "notifications/prompts/list_changed",
            "notifications/resources/updated",
        ];
        assert_eq!(methods, expected, "{place}");
        assert_eq!(told[1].data["params"], uri, "{place}");
        notifier.resources_changed();
        let next = &second.take(1).await[0].data["method"];
        assert_eq!(next, "notifications/resources/list_changed", "{place}");
    }
}

#[tokio::test]
async fn a_follower_ends_with_its_replica_and_with_the_next_reader() {
    const STEPS: usize = 200;
    let (a, b) = pair(Shared::default()).await;
    let client = Client::start(&a, "ada", REVISIONS[0]).await;
    let id = client.steps(&a, STEPS, 1, 100).await.take(1).await[0]
        .id
        .clone();
    let mut second = client.resume(&b, &id).await;
    let mut third = client.resume(&b, &id).await;
    let events = second.rest().await.len();
    assert!(events < STEPS, "the newest reader is the only one");
    let stopped = tokio::time::Instant::now();
    b.stop().await;
    assert!(third.rest().await.len() < STEPS);
    assert!(stopped.elapsed() < Duration::from_secs(5));
    drop(a);
}

#[tokio::test]
async fn a_call_without_messages_does_not_use_the_store() {
    let store = Shared::default();
    let (a, _b) = pair(store.clone()).await;
    let client = Client::start(&a, "ada", REVISIONS[0]).await;
    let arguments = json!({ "count": 0, "bytes": 1, "pause": 20 });
    let params = json!({ "name": "steps", "arguments": arguments });
    let reply = client.post(&a, "tools/call", params).await;
    assert_eq!(
        reply.header("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(store.used.load(Ordering::SeqCst), 0);
    client.steps(&a, 1, 1, 1).await.rest().await;
    assert!(store.used.load(Ordering::SeqCst) > 0);
}
