//! The client within the process: what tests call a server with.
//!
//! It sends real messages through the same dispatch as every transport.

mod reply;

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_core::future::BoxFuture;
use serde_json::{Map, Value, json};

pub use reply::{ClientError, Completed, ToolReply};

use crate::opaque::opaque_debug;
use crate::protocol::Revision;
use crate::server::{RunningServer, Server};
use crate::service::Pending;
use crate::sync::Mutex;
use crate::transport::memory::{Begun, Memory};

impl Server {
    /// A client within the process, for tests. It speaks the newest revision unless told otherwise.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Add two numbers.
    /// #[tool]
    /// async fn add(a: f64, b: f64) -> f64 {
    ///     a + b
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("calc", "1.0.0").with(components![add]).client().await;
    /// let sum = client.call("add", json!({ "a": 2, "b": 3 })).await?;
    /// assert_eq!(sum.structured()["result"], 5.0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn client(self) -> ClientBuilder {
        ClientBuilder::new(self)
    }
}

/// So many times a call may be sent again with answers.
const MOST_ROUNDS: usize = 100;

/// What answers the server's questions.
type AnswerFn = Box<dyn FnMut(&Value) -> Value + Send>;

fn read(reply: &str) -> Result<Value, ClientError> {
    serde_json::from_str(reply)
        .map_err(|error| ClientError::Protocol(format!("the answer is no JSON: {error}")))
}

/// The result in the reply to the request with this id.
fn result(id: i64, reply: Option<Value>) -> Result<Value, ClientError> {
    let mut reply = reply.ok_or_else(|| ClientError::Protocol("there is no answer".to_owned()))?;
    if reply["id"] != id && reply.get("id").is_some() {
        return Err(ClientError::Protocol(format!(
            "the answer has another id: {reply}"
        )));
    }
    if let Some(error) = reply.get("error") {
        return Err(ClientError::Rpc {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error.get("data").cloned(),
        });
    }
    Ok(reply["result"].take())
}

/// A client that listens for changes until this is dropped: see [`Client::listen`].
pub struct ClientListening {
    _pending: Pending,
}

opaque_debug!(ClientListening);

/// How a client is to connect: await it, as it is or after [`ClientBuilder::revision`] and [`ClientBuilder::answer_with`].
pub struct ClientBuilder {
    server: Server,
    revision: Revision,
    answer: Option<AnswerFn>,
}

opaque_debug!(ClientBuilder, |it| server: it.server, revision: it.revision);

impl ClientBuilder {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            revision: Revision::LATEST,
            answer: None,
        }
    }

    /// Speaks another revision; a legacy one begins with its handshake.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// Answers what handlers ask, in either era: [`Context::elicit`](crate::Context::elicit) and the like. Without it the
    /// client says that it cannot be asked.
    ///
    /// A question has a `method` and `params`, as the wire has them; what is given is the `result`.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use serde_json::json;
    ///
    /// #[derive(Deserialize, JsonSchema, Elicit)]
    /// struct Name {
    ///     name: String,
    /// }
    ///
    /// /// Greet the user.
    /// #[tool]
    /// async fn greet(context: Context) -> Result<String, ToolError> {
    ///     let Name { name } = context.elicit("What is your name?").await?;
    ///     Ok(format!("Hello, {name}!"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("greeter", "1.0.0").with(components![greet]).client();
    /// let client = client
    ///     .answer_with(|question| {
    ///         assert_eq!(question["params"]["message"], "What is your name?");
    ///         json!({ "action": "accept", "content": { "name": "Ada" } })
    ///     })
    ///     .await;
    /// assert_eq!(client.call("greet", json!({})).await?.text(), "Hello, Ada!");
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer_with(mut self, answer: impl FnMut(&Value) -> Value + Send + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    async fn connect(self) -> Client {
        let started = self.server.start().await;
        let client = Client {
            server: started
                .map(|running| (Memory::new(running.service()), running))
                .map_err(|error| ClientError::Server(error.to_string())),
            revision: self.revision,
            answer: self.answer.map(Mutex::new),
            next_id: AtomicI64::new(1),
        };
        client.shake_hands().await;
        client
    }
}

impl IntoFuture for ClientBuilder {
    type Output = Client;
    type IntoFuture = BoxFuture<'static, Client>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

/// A client within the process: see [`Server::client`].
pub struct Client {
    /// The server, if it could be started.
    server: Result<(Memory, RunningServer), ClientError>,
    revision: Revision,
    answer: Option<Mutex<AnswerFn>>,
    next_id: AtomicI64,
}

opaque_debug!(Client, |it| revision: it.revision);

impl Client {
    /// Calls a tool. `arguments` is an object.
    ///
    /// # Errors
    /// The server does not know the tool, or could not be built. A tool that fails is no error here: see
    /// [`ToolReply::is_error`].
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<ToolReply, ClientError> {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await.map(ToolReply)
    }

    /// Reads a resource: its contents, as the wire has them.
    ///
    /// # Errors
    /// There is no such resource, or it cannot be read.
    pub async fn read(&self, uri: &str) -> Result<Vec<Value>, ClientError> {
        let mut result = self
            .request("resources/read", json!({ "uri": uri }))
            .await?;
        Ok(take_array(&mut result, "contents"))
    }

    /// Gets a prompt: its messages, as the wire has them. `arguments` is an object of strings.
    ///
    /// # Errors
    /// There is no such prompt, or its arguments do not fit.
    pub async fn prompt(&self, name: &str, arguments: Value) -> Result<Vec<Value>, ClientError> {
        let params = json!({ "name": name, "arguments": arguments });
        let mut result = self.request("prompts/get", params).await?;
        Ok(take_array(&mut result, "messages"))
    }

    /// Completes an argument of a prompt (by name) or of a resource template (by URI template).
    ///
    /// # Errors
    /// There is no such prompt, template or argument.
    pub async fn complete(
        &self,
        of: &str,
        argument: &str,
        value: &str,
    ) -> Result<Completed, ClientError> {
        let reference = if of.contains("://") {
            json!({ "type": "ref/resource", "uri": of })
        } else {
            json!({ "type": "ref/prompt", "name": of })
        };
        let params = json!({ "ref": reference, "argument": { "name": argument, "value": value } });
        let result = self.request("completion/complete", params).await?;
        let completion = &result["completion"];
        let values = completion["values"].as_array().into_iter().flatten();
        Ok(Completed {
            values: values
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
            has_more: completion["hasMore"] == true,
        })
    }

    /// All tools, from all pages.
    ///
    /// # Errors
    /// The server has no tools, or could not be built.
    pub async fn tools(&self) -> Result<Vec<Value>, ClientError> {
        self.list("tools/list", "tools").await
    }

    /// All resources, from all pages.
    ///
    /// # Errors
    /// The server has no resources, or could not be built.
    pub async fn resources(&self) -> Result<Vec<Value>, ClientError> {
        self.list("resources/list", "resources").await
    }

    /// All resource templates, from all pages.
    ///
    /// # Errors
    /// The server has no resources, or could not be built.
    pub async fn resource_templates(&self) -> Result<Vec<Value>, ClientError> {
        self.list("resources/templates/list", "resourceTemplates")
            .await
    }

    /// All prompts, from all pages.
    ///
    /// # Errors
    /// The server has no prompts, or could not be built.
    pub async fn prompts(&self) -> Result<Vec<Value>, ClientError> {
        self.list("prompts/list", "prompts").await
    }

    async fn list(&self, method: &str, member: &str) -> Result<Vec<Value>, ClientError> {
        let mut all = Vec::new();
        let mut params = json!({});
        loop {
            let mut result = self.request(method, params).await?;
            all.append(&mut take_array(&mut result, member));
            match result.get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(all),
            }
        }
    }

    /// Sends any request and gives its `result`. Questions of the server are answered first, if the client was built with
    /// [`ClientBuilder::answer_with`].
    ///
    /// # Errors
    /// The server answered with an error, or could not be built.
    pub async fn request(&self, method: &str, mut params: Value) -> Result<Value, ClientError> {
        for _ in 0..MOST_ROUNDS {
            let (id, message) = self.message(method, params.clone());
            let reply = self.send(&message).await?;
            let result = result(id, reply)?;
            if self.answer.is_none() || result["resultType"] != "input_required" {
                return Ok(result);
            }
            params["inputResponses"] = self.answer_all(&result["inputRequests"]);
            if let Some(state) = result.get("requestState") {
                params["requestState"] = state.clone();
            }
        }
        let message = format!("the server asked {MOST_ROUNDS} times and knows no end");
        Err(ClientError::Protocol(message))
    }

    /// The answers to the questions of a reply, each by the name of its question.
    fn answer_all(&self, questions: &Value) -> Value {
        let questions = questions.as_object().into_iter().flatten();
        let answers =
            questions.filter_map(|(name, question)| Some((name.clone(), self.answer(question)?)));
        Value::Object(answers.collect())
    }

    fn answer(&self, question: &Value) -> Option<Value> {
        let mut answer = self.answer.as_ref()?.lock();
        Some(answer(question))
    }

    /// A request as a message, and its id.
    fn message(&self, method: &str, mut params: Value) -> (i64, String) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.describe(&mut params);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        (id, message.to_string())
    }

    /// Sends any text as a message, and gives the reply to it if there is one.
    ///
    /// # Errors
    /// The server could not be built.
    pub async fn send(&self, message: &str) -> Result<Option<Value>, ClientError> {
        let memory = self.memory()?;
        let mut reply = pin!(memory.send(message.as_bytes().to_vec()));
        // What the server asks, it asks while the reply is polled. An answer may be all that the reply waits for.
        let reply = poll_fn(|task| {
            loop {
                let polled = reply.as_mut().poll(task);
                if polled.is_ready() || !self.answer_requests(memory) {
                    return polled;
                }
            }
        });
        reply.await.as_deref().map(read).transpose()
    }

    /// Answers what the server has asked in the session, and tells whether there was anything.
    fn answer_requests(&self, memory: &Memory) -> bool {
        if self.answer.is_none() {
            return false;
        }
        let requests = memory.take_messages(is_request);
        for request in requests.iter().filter_map(|request| read(request).ok()) {
            let result = self.answer(&request);
            let response = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            // A response has no reply.
            let _ = memory.begin(response.to_string().into_bytes());
        }
        !requests.is_empty()
    }

    /// Begins to listen for changes (2026-07-28), until what this gives is dropped: `wishes` is the filter, such as
    /// `{"toolsListChanged": true}`. What comes is among [`Client::take_notifications`]. Sessions of older revisions
    /// need not listen.
    ///
    /// # Errors
    /// The server refuses, or could not be built.
    pub fn listen(&self, wishes: Value) -> Result<ClientListening, ClientError> {
        let memory = self.memory()?;
        let (id, message) =
            self.message("subscriptions/listen", json!({ "notifications": wishes }));
        let answer = match memory.begin(message.into_bytes()) {
            Begun::Pending(pending) => return Ok(ClientListening { _pending: pending }),
            Begun::Answered(answer) => Some(read(&answer)?),
            Begun::Nothing => None,
        };
        result(id, answer)?;
        Err(ClientError::Protocol(
            "the server ended the subscription at once".to_owned(),
        ))
    }

    /// The notifications that came since this was last asked.
    pub fn take_notifications(&self) -> Vec<Value> {
        let messages = self.memory().map(|memory| memory.take_messages(|_| true));
        let messages = messages.iter().flatten();
        messages.filter_map(|message| read(message).ok()).collect()
    }

    /// Stops the server: what its lifespans started is stopped too.
    pub async fn close(self) {
        if let Ok((_, running)) = self.server {
            running.stop().await;
        }
    }

    fn memory(&self) -> Result<&Memory, ClientError> {
        let server = self.server.as_ref();
        server.map(|(memory, _)| memory).map_err(Clone::clone)
    }

    /// Adds what a stateless request says of its client.
    fn describe(&self, params: &mut Value) {
        let features = self.revision.features();
        let (true, Some(params)) = (features.stateless, params.as_object_mut()) else {
            return;
        };
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        let Some(meta) = meta.as_object_mut() else {
            return;
        };
        for (key, value) in [
            ("protocolVersion", features.name.into()),
            ("clientCapabilities", self.capabilities()),
            ("clientInfo", info()),
        ] {
            let key = format!("io.modelcontextprotocol/{key}");
            meta.entry(key).or_insert(value);
        }
    }

    /// What the client says it can do: whoever answers, answers everything.
    fn capabilities(&self) -> Value {
        if self.answer.is_none() {
            return Map::new().into();
        }
        json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {} })
    }

    async fn shake_hands(&self) {
        if self.revision.features().stateless {
            return;
        }
        let params = json!({
            "protocolVersion": self.revision.name(),
            "capabilities": self.capabilities(),
            "clientInfo": info(),
        });
        // What goes wrong here goes wrong again with the first request, which can say so.
        if self.request("initialize", params).await.is_ok() {
            let _ = self
                .send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
                .await;
        }
    }
}

fn is_request(message: &str) -> bool {
    read(message).is_ok_and(|message| message.get("id").is_some())
}

fn info() -> Value {
    json!({ "name": "mcp-runtime client", "version": env!("CARGO_PKG_VERSION") })
}

fn take_array(result: &mut Value, member: &str) -> Vec<Value> {
    match result.get_mut(member).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
