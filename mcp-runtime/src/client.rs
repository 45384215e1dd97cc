//! An in-process client, for tests.
//!
//! The client sends real messages through the same dispatch as every transport.

mod builder;
mod reply;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Map, Value, json};

pub use builder::ClientBuilder;
pub use reply::{ClientError, Completed, ToolReply};

use crate::opaque::opaque_debug;
use crate::protocol::capability::apps_declaration;
use crate::protocol::{LogLevel, Revision};
use crate::server::{RunningServer, Server};
use crate::service::Pending;
use crate::sync::Mutex;
use crate::transport::memory::{Memory, SendStatus};

impl Server {
    /// Returns a builder of an in-process client, for tests.
    ///
    /// The client speaks the newest revision unless [`ClientBuilder::revision`] sets another.
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

/// The maximum number of times that a request is sent while the server asks questions.
const MAX_ROUNDS: usize = 100;

/// A function that answers the server's questions.
type AnswerFn = Box<dyn FnMut(&Value) -> Value + Send>;

fn read(reply: &str) -> Result<Value, ClientError> {
    serde_json::from_str(reply)
        .map_err(|error| ClientError::Protocol(format!("the reply is not JSON: {error}")))
}

/// Returns the result of the reply to the request with this id.
fn result(id: i64, reply: Option<Value>) -> Result<Value, ClientError> {
    let mut reply =
        reply.ok_or_else(|| ClientError::Protocol("the server sent no reply".to_owned()))?;
    if reply["id"] != id && reply.get("id").is_some() {
        return Err(ClientError::Protocol(format!(
            "the reply has a different id: {reply}"
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

/// A subscription to changes, which ends when this value is dropped. See [`Client::listen`].
///
/// ```
/// use mcp_runtime::prelude::*;
/// use serde_json::json;
///
/// /// Say that the list of prompts has changed.
/// #[tool]
/// async fn change(context: Context) {
///     context.notify().tools_changed();
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("app", "1.0.0").with(components![change]).client().await;
/// let listening = client.listen(json!({ "toolsListChanged": true }))?;
/// client.call("change", json!({})).await?;
/// let heard = client.take_notifications();
/// assert!(heard.iter().any(|it| it["method"] == "notifications/tools/list_changed"));
/// drop(listening);
/// # Ok(())
/// # }
/// ```
pub struct ClientListening {
    _pending: Pending,
}

opaque_debug!(ClientListening);

/// An in-process client. See [`Server::client`].
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
/// /// A greeting.
/// #[resource("greeting://{name}")]
/// async fn greeting(name: String) -> String {
///     format!("Hello, {name}!")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("app", "1.0.0").with(components![add, greeting]).client().await;
/// assert_eq!(client.tools().await?[0]["name"], "add");
/// assert_eq!(client.call("add", json!({ "a": 2, "b": 3 })).await?.text(), "5");
/// assert_eq!(client.read("greeting://Ada").await?[0]["text"], "Hello, Ada!");
/// # Ok(())
/// # }
/// ```
pub struct Client {
    /// The running server, or the error of its start.
    server: Result<(Memory, RunningServer), ClientError>,
    revision: Revision,
    answer: Option<Mutex<AnswerFn>>,
    next_id: AtomicI64,
    /// The `traceparent` of each request.
    traceparent: Option<String>,
    log_level: Option<LogLevel>,
    apps: bool,
}

opaque_debug!(Client, |it| revision: it.revision);

impl Client {
    /// Calls a tool. `arguments` is an object.
    ///
    /// # Errors
    /// Returns an error if there is no such tool, or if the server could not be built. A call that fails inside of the tool
    /// is a reply, not an error: see [`ToolReply::is_error`].
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<ToolReply, ClientError> {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await.map(ToolReply::new)
    }

    /// Reads a resource and returns its contents, in their wire format.
    ///
    /// # Errors
    /// Returns an error if there is no such resource, or if it cannot be read.
    pub async fn read(&self, uri: &str) -> Result<Vec<Value>, ClientError> {
        let mut result = self
            .request("resources/read", json!({ "uri": uri }))
            .await?;
        Ok(take_array(&mut result, "contents"))
    }

    /// Gets a prompt and returns its messages, in their wire format. `arguments` is an object of strings.
    ///
    /// # Errors
    /// Returns an error if there is no such prompt, or if the arguments are invalid.
    pub async fn prompt(&self, name: &str, arguments: Value) -> Result<Vec<Value>, ClientError> {
        let params = json!({ "name": name, "arguments": arguments });
        let mut result = self.request("prompts/get", params).await?;
        Ok(take_array(&mut result, "messages"))
    }

    /// Completes an argument of a prompt, given by its name, or of a resource template, given by its URI template.
    ///
    /// # Errors
    /// Returns an error if there is no such prompt, template or argument.
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

    /// Returns all tools, from all pages of the list.
    ///
    /// # Errors
    /// Returns an error if the server has no tools, or could not be built.
    pub async fn tools(&self) -> Result<Vec<Value>, ClientError> {
        self.list("tools/list", "tools").await
    }

    /// Returns all resources, from all pages of the list.
    ///
    /// # Errors
    /// Returns an error if the server has no resources, or could not be built.
    pub async fn resources(&self) -> Result<Vec<Value>, ClientError> {
        self.list("resources/list", "resources").await
    }

    /// Returns all resource templates, from all pages of the list.
    ///
    /// # Errors
    /// Returns an error if the server has no resources, or could not be built.
    pub async fn resource_templates(&self) -> Result<Vec<Value>, ClientError> {
        self.list("resources/templates/list", "resourceTemplates")
            .await
    }

    /// Returns all prompts, from all pages of the list.
    ///
    /// # Errors
    /// Returns an error if the server has no prompts, or could not be built.
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

    /// Sends a request of any method and returns its `result`.
    ///
    /// Questions of the server are answered first, if the client was built with [`ClientBuilder::answer_with`].
    ///
    /// # Errors
    /// Returns an error if the server replies with an error, or could not be built.
    pub async fn request(&self, method: &str, mut params: Value) -> Result<Value, ClientError> {
        for _ in 0..MAX_ROUNDS {
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
        let message = format!("the server still asks questions after {MAX_ROUNDS} rounds");
        Err(ClientError::Protocol(message))
    }

    /// Returns the answers to the questions of a reply, by the names of the questions.
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

    /// Returns the id and the text of a new request.
    fn message(&self, method: &str, mut params: Value) -> (i64, String) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.add_meta(&mut params);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        (id, message.to_string())
    }

    /// Sends any text as a message, and returns its reply if there is one.
    ///
    /// # Errors
    /// Returns an error if the server could not be built, or if the reply is not JSON.
    pub async fn send(&self, message: &str) -> Result<Option<Value>, ClientError> {
        let memory = self.memory()?;
        let mut reply = pin!(memory.send(message.as_bytes().to_vec()));
        // The server sends its questions while the reply is polled, and the reply may wait for their answers.
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

    /// Answers the requests that the server has sent in the session. Returns `true` if there were any.
    fn answer_requests(&self, memory: &Memory) -> bool {
        if self.answer.is_none() {
            return false;
        }
        let requests = memory.take_messages(is_request);
        for request in requests.iter().filter_map(|request| read(request).ok()) {
            let result = self.answer(&request);
            let response = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            // A response has no reply.
            let _ = memory.start_send(response.to_string().into_bytes());
        }
        !requests.is_empty()
    }

    /// Subscribes to changes, in revision 2026-07-28, until the returned value is dropped.
    ///
    /// `filter` selects the changes, as in `{"toolsListChanged": true}`. [`Client::take_notifications`] returns them. Sessions
    /// of older revisions are notified without a subscription.
    ///
    /// # Errors
    /// Returns an error if the server refuses the subscription, or could not be built.
    pub fn listen(&self, filter: Value) -> Result<ClientListening, ClientError> {
        let memory = self.memory()?;
        let (id, message) =
            self.message("subscriptions/listen", json!({ "notifications": filter }));
        let answer = match memory.start_send(message.into_bytes()) {
            SendStatus::Pending(pending) => return Ok(ClientListening { _pending: pending }),
            SendStatus::Answered(answer) => Some(read(&answer)?),
            SendStatus::Nothing => None,
        };
        result(id, answer)?;
        Err(ClientError::Protocol(
            "the server ended the subscription immediately".to_owned(),
        ))
    }

    /// Returns the notifications that have arrived since the last call of this method.
    pub fn take_notifications(&self) -> Vec<Value> {
        let messages = self.memory().map(|memory| memory.take_messages(|_| true));
        let messages = messages.iter().flatten();
        messages.filter_map(|message| read(message).ok()).collect()
    }

    /// Stops the server and the states that its lifespans started.
    pub async fn close(self) {
        if let Ok((memory, running)) = self.server {
            memory.close();
            running.stop().await;
        }
    }

    fn memory(&self) -> Result<&Memory, ClientError> {
        let server = self.server.as_ref();
        server.map(|(memory, _)| memory).map_err(Clone::clone)
    }

    /// Adds the metadata of a request: its trace and, if it is stateless, its revision, and the client's capabilities, name
    /// and log level.
    fn add_meta(&self, params: &mut Value) {
        let mut added = Map::new();
        if let Some(traceparent) = &self.traceparent {
            added.insert("traceparent".to_owned(), traceparent.as_str().into());
        }
        let features = self.revision.features();
        if features.stateless {
            let prefixed = |key: &str| format!("io.modelcontextprotocol/{key}");
            added.insert(prefixed("protocolVersion"), features.name.into());
            added.insert(prefixed("clientCapabilities"), self.capabilities());
            added.insert(prefixed("clientInfo"), info());
            if let Some(level) = self.log_level {
                added.insert(prefixed("logLevel"), json!(level));
            }
        }
        let (false, Some(params)) = (added.is_empty(), params.as_object_mut()) else {
            return;
        };
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        for (key, value) in added {
            if let Some(meta) = meta.as_object_mut() {
                meta.entry(key).or_insert(value);
            }
        }
    }

    /// Returns the capabilities that the client declares: all kinds of questions, if it has a function that answers them.
    fn capabilities(&self) -> Value {
        let mut capabilities = if self.answer.is_some() {
            json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} }, "roots": {} })
        } else {
            json!({})
        };
        if self.apps {
            capabilities["extensions"] = apps_declaration();
        }
        capabilities
    }

    async fn initialize(&self) {
        if self.revision.features().stateless {
            return;
        }
        let params = json!({
            "protocolVersion": self.revision.name(),
            "capabilities": self.capabilities(),
            "clientInfo": info(),
        });
        // An error of the handshake recurs with the first request, which returns it.
        if self.request("initialize", params).await.is_ok() {
            let _ = self
                .send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
                .await;
            if let Some(level) = self.log_level {
                let params = json!({ "level": level });
                let _ = self.request("logging/setLevel", params).await;
            }
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
