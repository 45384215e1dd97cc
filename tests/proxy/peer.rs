//! A client of a gateway over a connection of its own, which can be asked. All messages of the gateway are validated.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::{Revision, RunningServer, Transport};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The time that a reply may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Answers a question, or leaves it unanswered.
type Answer = Arc<dyn Fn(&Value) -> Option<Value> + Send + Sync>;

/// A client.
pub(crate) struct Peer {
    revision: Revision,
    next_id: AtomicI64,
    shared: Arc<Shared>,
}

struct Shared {
    conversation: Conversation,
    /// Closed when the client has gone.
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    pending: Mutex<HashMap<i64, oneshot::Sender<Value>>>,
    /// The questions and notifications of the server.
    heard: Mutex<Vec<Value>>,
    answer: Answer,
}

/// The server's end of the connection.
struct Channels {
    incoming: tokio::sync::Mutex<mpsc::UnboundedReceiver<Vec<u8>>>,
    shared: std::sync::Weak<Shared>,
}

impl Transport for Channels {
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.incoming.lock().await.recv().await)
    }

    async fn send(&self, message: String) -> io::Result<()> {
        let Some(shared) = self.shared.upgrade() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        // The messages of transports in this process are lines and events elsewhere.
        assert!(!message.contains(['\n', '\r']), "{message}");
        let message: Value = serde_json::from_str(&message).unwrap();
        shared.conversation.received(&message);
        shared.received(message);
        Ok(())
    }
}

impl Shared {
    fn send(&self, message: &Value) {
        self.send_text(message.to_string());
    }

    fn send_text(&self, message: String) {
        self.conversation.sent(message.as_bytes());
        let _ = self.outgoing.send(message.into_bytes());
    }

    fn received(&self, message: Value) {
        if message.get("method").is_none() {
            let id = message["id"].as_i64().unwrap();
            let waiting = self.pending.lock().unwrap().remove(&id);
            let _ = waiting.expect("a reply to a request").send(message);
            return;
        }
        self.heard.lock().unwrap().push(message.clone());
        if let Some(id) = message.get("id")
            && let Some(result) = (self.answer)(&message)
        {
            self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
        }
    }
}

/// A request whose reply is awaited.
pub(crate) struct Asked {
    pub(crate) id: i64,
    reply: oneshot::Receiver<Value>,
}

impl Asked {
    /// Returns the result or the error of the reply.
    pub(crate) async fn reply(self) -> Result<Value, Value> {
        let reply = timeout(LIMIT, self.reply).await.expect("a reply in time");
        let mut reply = reply.expect("the connection is open");
        match reply.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(reply["result"].take()),
        }
    }
}

/// Answers each question of the tools in `extras`: with this name, this word and no root.
pub(crate) fn says(name: &'static str) -> impl Fn(&Value) -> Option<Value> + Send + Sync + 'static {
    move |question| {
        Some(match question["method"].as_str()? {
            "elicitation/create" => json!({ "action": "accept", "content": { "name": name } }),
            "sampling/createMessage" => json!({
                "role": "assistant", "model": "m", "content": { "type": "text", "text": name }
            }),
            _ => json!({ "roots": [] }),
        })
    }
}

impl Peer {
    /// Connects a client that can be asked everything, with a handshake if its revision has one.
    pub(crate) async fn connect(
        gateway: &RunningServer,
        revision: Revision,
        answer: impl Fn(&Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let (outgoing, incoming) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            conversation: Conversation::new(revision.name()),
            outgoing,
            pending: Mutex::default(),
            heard: Mutex::default(),
            answer: Arc::new(answer),
        });
        let channels = Channels {
            incoming: incoming.into(),
            shared: Arc::downgrade(&shared),
        };
        let gateway = gateway.clone();
        tokio::spawn(async move { gateway.serve(channels).await });
        let peer = Self {
            revision,
            next_id: AtomicI64::new(1),
            shared,
        };
        if !peer.is_modern() {
            let params = json!({
                "protocolVersion": revision.name(),
                "capabilities": capabilities(),
                "clientInfo": { "name": "peer", "version": "1" },
            });
            peer.start("initialize", params).reply().await.unwrap();
            peer.notify("notifications/initialized", json!({}));
        }
        peer
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.revision.name() == MODERN
    }

    /// Sends a notification.
    pub(crate) fn notify(&self, method: &str, params: Value) {
        let params = self.with_meta(params);
        self.shared
            .send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request.
    pub(crate) fn start(&self, method: &str, params: Value) -> Asked {
        self.start_as(method, params, Value::to_string)
    }

    /// Sends a request that this function writes.
    pub(crate) fn start_as(
        &self,
        method: &str,
        params: Value,
        write: impl FnOnce(&Value) -> String,
    ) -> Asked {
        let id = self.next_id.fetch_add(1, Ordering::SeqCst);
        let (sender, reply) = oneshot::channel();
        self.shared.pending.lock().unwrap().insert(id, sender);
        let params = self.with_meta(params);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.shared.send_text(write(&message));
        Asked { id, reply }
    }

    /// Cancels a request.
    pub(crate) fn cancel(&self, asked: &Asked) {
        self.notify("notifications/cancelled", json!({ "requestId": asked.id }));
        self.shared.pending.lock().unwrap().remove(&asked.id);
    }

    fn with_meta(&self, mut params: Value) -> Value {
        if self.is_modern() {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
            meta["io.modelcontextprotocol/clientCapabilities"] = capabilities();
            meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "peer", "version": "1" });
        }
        params
    }

    /// Sends a request, and answers its questions. Returns the result and the number of rounds with questions.
    pub(crate) async fn rounds(
        &self,
        method: &str,
        mut params: Value,
    ) -> (Result<Value, Value>, usize) {
        for round in 0.. {
            let result = self.start(method, params.clone()).reply().await;
            let asking = match result {
                Ok(result) if result["resultType"] == "input_required" => result,
                other => return (other, round),
            };
            self.answer(&mut params, &asking);
        }
        unreachable!()
    }

    /// Adds the answers to the questions of a result to the parameters of the next attempt.
    pub(crate) fn answer(&self, params: &mut Value, asking: &Value) {
        let questions = asking["inputRequests"].as_object().unwrap();
        for (name, question) in questions {
            self.shared.heard.lock().unwrap().push(question.clone());
            params["inputResponses"][name] = (self.shared.answer)(question).unwrap();
        }
        params["requestState"] = asking["requestState"].clone();
    }

    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        self.rounds(method, params).await.0
    }

    /// Calls a tool, and returns its text, or the text of its error.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<String, String> {
        let params = json!({ "name": tool, "arguments": arguments });
        text(self.request("tools/call", params).await)
    }

    /// Returns the names of the tools, from all pages.
    pub(crate) async fn tools(&self) -> Vec<String> {
        let (mut names, mut params) = (Vec::new(), json!({}));
        loop {
            let list = self.request("tools/list", params).await.unwrap();
            let tools = list["tools"].as_array().unwrap().iter();
            names.extend(tools.map(|tool| tool["name"].as_str().unwrap().to_owned()));
            match list.get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return names,
            }
        }
    }

    /// Returns the questions and notifications with this method.
    pub(crate) fn heard(&self, method: &str) -> Vec<Value> {
        let heard = self.shared.heard.lock().unwrap();
        let heard = heard.iter().filter(|message| message["method"] == method);
        heard.cloned().collect()
    }

    /// Waits for a question or a notification with this method.
    pub(crate) async fn wait_for(&self, method: &str) {
        until(method, async || !self.heard(method).is_empty()).await;
    }
}

fn capabilities() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

/// Returns the text of the result of a tool, or that of its error.
pub(crate) fn text(result: Result<Value, Value>) -> Result<String, String> {
    let result = result.map_err(|error| format!("{}: {}", error["code"], error["message"]))?;
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    if result["isError"] == true {
        return Err(text.to_owned());
    }
    Ok(text.to_owned())
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let waited = timeout(LIMIT, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: not in time");
}
