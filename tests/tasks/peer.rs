//! A client of a server process, over each transport and in both eras.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_tests::conversation::Conversation;
use mcp_tests::raw_http;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, oneshot};

/// Longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The revision of sessions with tasks.
pub(crate) const SESSIONS: &str = "2025-11-25";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Stdio,
    Http,
}

pub(crate) const TRANSPORTS: [Transport; 2] = [Transport::Stdio, Transport::Http];

/// All transports with both eras.
pub(crate) const EVERYWHERE: [(Transport, &str); 4] = [
    (Transport::Stdio, SESSIONS),
    (Transport::Http, SESSIONS),
    (Transport::Stdio, MODERN),
    (Transport::Http, MODERN),
];

/// A server process, which is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    address: SocketAddr,
    pipes: Mutex<Option<(ChildStdin, BufReader<tokio::process::ChildStdout>)>>,
}

impl Process {
    /// Starts the server with these environment variables.
    pub(crate) async fn start(transport: Transport, environment: &[(&str, &str)]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tasks-server"));
        command.envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()).kill_on_drop(true);
        if transport == Transport::Http {
            command.args(["--http", &address.to_string()]);
        }
        let mut child = command.spawn().unwrap();
        let pipes = child.stdin.take().zip(child.stdout.take());
        let pipes = pipes.map(|(input, output)| (input, BufReader::new(output)));
        if transport == Transport::Http {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Self {
            child,
            address,
            pipes: Mutex::new(pipes),
        }
    }
}

impl Process {
    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        let killed = std::process::Command::new("kill")
            .args(["-s", "TERM", &id])
            .status();
        assert!(killed.unwrap().success());
    }
}

/// The messages that have arrived.
#[derive(Default)]
struct Inbox {
    replies: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// Notifications and requests of the server, each with the number of the request on whose stream it came over HTTP.
    others: Mutex<Vec<(Option<u64>, Value)>>,
    news: Notify,
}

enum Wire {
    Stdio(tokio::sync::Mutex<ChildStdin>),
    Http {
        address: SocketAddr,
        session: Option<String>,
        /// Further headers of all requests.
        headers: String,
    },
}

/// A client.
pub(crate) struct Peer {
    wire: Wire,
    revision: &'static str,
    capabilities: Value,
    conversation: Conversation,
    inbox: Arc<Inbox>,
    next: AtomicU64,
    /// The name in the header, if it is not that of the message.
    name: Mutex<Name>,
}

/// The name in the header of requests.
#[derive(Clone, Default)]
enum Name {
    #[default]
    OfMessage,
    Other(Option<String>),
}

/// The result of a request, or its error.
pub(crate) type Answered = Result<Value, Value>;

/// The capabilities of a client with tasks, and which answers all questions.
fn capabilities() -> Value {
    json!({
        "elicitation": { "form": {}, "url": {} },
        "sampling": {},
        "roots": {},
    })
}

impl Peer {
    /// Connects to a server and, in the older revision, opens a session.
    pub(crate) async fn connect(
        process: &Process,
        transport: Transport,
        revision: &'static str,
    ) -> Self {
        Self::with_headers(process, transport, revision, "").await
    }

    /// Connects with further headers of all HTTP requests.
    pub(crate) async fn with_headers(
        process: &Process,
        transport: Transport,
        revision: &'static str,
        headers: &str,
    ) -> Self {
        let conversation = Conversation::new(revision);
        let inbox = Arc::<Inbox>::default();
        let wire = match transport {
            Transport::Stdio => {
                let (input, output) = process.pipes.lock().unwrap().take().unwrap();
                let reading = read(output, None, conversation.clone(), Arc::clone(&inbox));
                tokio::spawn(reading);
                Wire::Stdio(tokio::sync::Mutex::new(input))
            }
            Transport::Http => Wire::Http {
                address: process.address,
                session: None,
                headers: headers.to_owned(),
            },
        };
        let mut capabilities = capabilities();
        if revision == MODERN {
            capabilities["extensions"]["io.modelcontextprotocol/tasks"] = json!({});
        }
        let mut peer = Self {
            wire,
            revision,
            capabilities,
            conversation,
            inbox,
            next: AtomicU64::new(1),
            name: Mutex::default(),
        };
        if revision != MODERN {
            peer.open_session().await;
        }
        peer
    }

    async fn open_session(&mut self) {
        let params = json!({
            "protocolVersion": self.revision,
            "capabilities": self.capabilities,
            "clientInfo": { "name": "peer", "version": "1" },
        });
        let (opened, session) = self.exchange("initialize", params).await;
        assert_eq!(opened.unwrap()["protocolVersion"], self.revision);
        if let Wire::Http { session: known, .. } = &mut self.wire {
            assert!(session.is_some(), "no session");
            *known = session;
        }
        self.notify("notifications/initialized", json!({})).await;
    }

    /// Goes on with another process, with the same session over HTTP.
    #[cfg(feature = "stores")]
    pub(crate) async fn move_to(&mut self, process: &Process) {
        match &mut self.wire {
            Wire::Stdio(input) => {
                let (pipe, output) = process.pipes.lock().unwrap().take().unwrap();
                *input.lock().await = pipe;
                let conversation = self.conversation.clone();
                let reading = read(output, None, conversation, Arc::clone(&self.inbox));
                tokio::spawn(reading);
            }
            Wire::Http { address, .. } => *address = process.address,
        }
    }

    /// Sends a request, and returns its result or error.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Answered {
        self.exchange(method, params).await.0
    }

    /// Sends a request of the newer revision over HTTP, with this name in its header.
    pub(crate) async fn named(
        &self,
        method: &str,
        params: Value,
        name: Option<String>,
    ) -> Answered {
        *self.name.lock().unwrap() = Name::Other(name);
        let answered = self.request(method, params).await;
        *self.name.lock().unwrap() = Name::OfMessage;
        answered
    }

    /// Sends a request, and returns also the id of the session that it opens.
    async fn exchange(&self, method: &str, params: Value) -> (Answered, Option<String>) {
        let (_, session, receiver) = self.send(method, params).await;
        let reply = tokio::time::timeout(TIMEOUT, receiver).await;
        let reply = reply
            .unwrap_or_else(|_| panic!("{method} has no reply: {:?}", self.others()))
            .unwrap_or_else(|_| panic!("{method}: the server has ended"));
        let answered = match reply.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(reply["error"].clone()),
        };
        (answered, session)
    }

    /// Sends a request. Returns its number, the session that it opens, and the channel of its reply.
    pub(crate) async fn send(
        &self,
        method: &str,
        mut params: Value,
    ) -> (u64, Option<String>, oneshot::Receiver<Value>) {
        if self.revision == MODERN {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.inbox.replies.lock().unwrap().insert(id, sender);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let session = self.post(&message, Some(id)).await;
        (id, session, receiver)
    }

    pub(crate) async fn notify(&self, method: &str, params: Value) {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.post(&message, None).await;
    }

    /// Answers a request of the server with a `result` or an `error`.
    pub(crate) async fn answer(&self, question: &Value, member: &str, value: Value) {
        let message = json!({ "jsonrpc": "2.0", "id": question["id"], member: value });
        self.post(&message, None).await;
    }

    async fn post(&self, message: &Value, id: Option<u64>) -> Option<String> {
        let text = message.to_string();
        self.conversation.sent(text.as_bytes());
        match &self.wire {
            Wire::Stdio(input) => {
                let mut input = input.lock().await;
                input
                    .write_all(format!("{text}\n").as_bytes())
                    .await
                    .unwrap();
                None
            }
            Wire::Http { address, .. } => {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let head = self.head(message);
                let length = text.len();
                let request = format!(
                    "POST /mcp HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}"
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut stream = BufReader::new(stream);
                let session = read_head(&mut stream).await;
                let reading = read(
                    stream,
                    id,
                    self.conversation.clone(),
                    Arc::clone(&self.inbox),
                );
                tokio::spawn(reading);
                session
            }
        }
    }

    /// The headers of a message.
    fn head(&self, message: &Value) -> String {
        let Wire::Http {
            address,
            session,
            headers,
        } = &self.wire
        else {
            return String::new();
        };
        let mut head = format!(
            "Host: {address}\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\n{headers}"
        );
        if let Some(session) = session {
            let session = [
                "Mcp-Session-Id: ",
                session,
                "\r\nMCP-Protocol-Version: ",
                self.revision,
                "\r\n",
            ];
            head.extend(session);
        }
        if self.revision == MODERN {
            let method = message["method"].as_str().unwrap();
            head.push_str(&raw_http::modern_headers(method, None));
            let params = &message["params"];
            let mut named = ["name", "taskId"]
                .into_iter()
                .filter_map(|name| params[name].as_str());
            let name = match self.name.lock().unwrap().clone() {
                Name::OfMessage => named.next().map(str::to_owned),
                Name::Other(name) => name,
            };
            if let Some(name) = name {
                head.extend(["Mcp-Name: ", &name, "\r\n"]);
            }
        }
        head
    }

    /// Opens the stream of a session for messages that belong to no request.
    pub(crate) async fn listen_to_session(&self) {
        let Wire::Http { address, .. } = &self.wire else {
            return;
        };
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = self.head(&Value::Null);
        let request = format!("GET /mcp HTTP/1.1\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut stream = BufReader::new(stream);
        read_head(&mut stream).await;
        let reading = read(
            stream,
            None,
            self.conversation.clone(),
            Arc::clone(&self.inbox),
        );
        tokio::spawn(reading);
    }

    /// Waits for a notification or request of the server of this method for which `is_it` is true, and removes it. Returns also
    /// the number of the request on whose stream it came.
    pub(crate) async fn receive(
        &self,
        method: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> (Option<u64>, Value) {
        let waiting = async {
            loop {
                let news = self.inbox.news.notified();
                {
                    let mut others = self.inbox.others.lock().unwrap();
                    let is_it =
                        |(_, it): &(_, Value)| it["method"] == method && is_it(&it["params"]);
                    if let Some(position) = others.iter().position(is_it) {
                        return others.remove(position);
                    }
                }
                news.await;
            }
        };
        let received = tokio::time::timeout(TIMEOUT, waiting).await;
        received.unwrap_or_else(|_| {
            panic!(
                "no {method} arrives, but {:?}",
                self.inbox.others.lock().unwrap()
            )
        })
    }

    /// The messages of the server so far that no test has taken.
    pub(crate) fn others(&self) -> Vec<Value> {
        let others = self.inbox.others.lock().unwrap();
        others.iter().map(|(_, message)| message.clone()).collect()
    }
}

impl Peer {
    /// Calls a tool, as a task if it can be one.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answered {
        let mut params = json!({ "name": tool, "arguments": arguments });
        if self.revision != MODERN {
            params["task"] = json!({});
        }
        self.request("tools/call", params).await
    }

    /// Calls a tool as a task, and returns the id of the task.
    pub(crate) async fn task(&self, tool: &str, arguments: Value) -> String {
        let created = self.call(tool, arguments).await.unwrap();
        let task = if self.revision == MODERN {
            assert_eq!(created["resultType"], "task");
            &created
        } else {
            &created["task"]
        };
        assert_eq!(task["status"], "working", "{created}");
        task["taskId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn about(&self, method: &str, id: &str) -> Answered {
        self.request(method, json!({ "taskId": id })).await
    }

    /// Waits until a task is in one of these states.
    pub(crate) async fn until(&self, id: &str, statuses: &[&str]) -> Value {
        let mut last = Value::Null;
        for _ in 0..1000 {
            last = self.about("tasks/get", id).await.unwrap();
            if statuses.iter().any(|status| last["status"] == *status) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the task is never {statuses:?}: {last}");
    }

    /// Waits for the end of a task, and returns the text of its result.
    pub(crate) async fn text(&self, id: &str) -> String {
        let result = if self.revision == MODERN {
            self.until(id, &["completed"]).await["result"].clone()
        } else {
            self.about("tasks/result", id).await.unwrap()
        };
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

/// The code of an error.
#[track_caller]
pub(crate) fn code(answered: &Answered) -> i64 {
    match answered {
        Err(error) => error["code"].as_i64().unwrap(),
        Ok(result) => panic!("no error: {result}"),
    }
}

/// Reads the head of a response, and returns the id of the session that it opens.
async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut head, mut session) = (String::new(), None);
    loop {
        head.clear();
        stream.read_line(&mut head).await.unwrap();
        if head.trim().is_empty() {
            return session;
        }
        let header = head.split_once(": ");
        if let Some((name, value)) =
            header.filter(|(name, _)| name.eq_ignore_ascii_case("mcp-session-id"))
        {
            let _ = name;
            session = Some(value.trim().to_owned());
        }
    }
}

/// Reads the messages of a stream to its end: lines of JSON, a body of JSON, or events.
async fn read(
    mut stream: impl AsyncBufRead + Unpin,
    request: Option<u64>,
    conversation: Conversation,
    inbox: Arc<Inbox>,
) {
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let data = line.strip_prefix("data: ").unwrap_or(&line);
        if data.starts_with('{') {
            let message: Value = serde_json::from_str(data).unwrap();
            conversation.received(&message);
            let id = message["id"].as_u64();
            let reply = id.filter(|_| message.get("method").is_none());
            let sender = reply.and_then(|id| inbox.replies.lock().unwrap().remove(&id));
            match sender {
                Some(sender) => drop(sender.send(message)),
                None => inbox.others.lock().unwrap().push((request, message)),
            }
            inbox.news.notify_waiters();
        }
        line.clear();
    }
}
