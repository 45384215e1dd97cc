//! The in-process client; it validates every result, error, question and notification.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use mcp_runtime::{
    ClientError, ClientListening, Completed, LogLevel, Principal, Revision, Server, ToolReply,
};
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::schemas::{self, MODERN, expect};

/// Connects servers to a validating [`Client`].
pub trait Connect {
    /// As [`Server::client`].
    fn connect(self) -> Builder;
}

impl Connect for Server {
    fn connect(self) -> Builder {
        Builder {
            inner: self.client(),
            revision: Revision::LATEST,
        }
    }
}

/// As [`mcp_runtime::ClientBuilder`].
#[derive(Debug)]
pub struct Builder {
    inner: mcp_runtime::ClientBuilder,
    revision: Revision,
}

impl Builder {
    /// As [`mcp_runtime::ClientBuilder::revision`].
    pub fn revision(mut self, revision: Revision) -> Self {
        self.inner = self.inner.revision(revision);
        self.revision = revision;
        self
    }

    /// As [`mcp_runtime::ClientBuilder::header`].
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.inner = self.inner.header(name, value);
        self
    }

    /// As [`mcp_runtime::ClientBuilder::principal`].
    pub fn principal(mut self, principal: Principal) -> Self {
        self.inner = self.inner.principal(principal);
        self
    }

    /// As [`mcp_runtime::ClientBuilder::extension`].
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.inner = self.inner.extension(value);
        self
    }

    /// As [`mcp_runtime::ClientBuilder::traceparent`].
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.inner = self.inner.traceparent(traceparent);
        self
    }

    /// As [`mcp_runtime::ClientBuilder::log_level`].
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.inner = self.inner.log_level(level);
        self
    }

    /// As [`mcp_runtime::ClientBuilder::answer_with`].
    pub fn answer_with(mut self, mut answer: impl FnMut(&Value) -> Value + Send + 'static) -> Self {
        let revision = self.revision.name();
        self.inner = self.inner.answer_with(move |question| {
            let is_valid = match revision {
                MODERN => schemas::question,
                _ => schemas::request,
            };
            expect(is_valid(revision, question));
            answer(question)
        });
        self
    }
}

impl IntoFuture for Builder {
    type Output = Client;
    type IntoFuture = Pin<Box<dyn Future<Output = Client> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            Client {
                inner: self.inner.await,
                revision: self.revision.name(),
                raw: Conversation::new(self.revision.name()),
            }
        })
    }
}

/// As [`mcp_runtime::Client`]; its methods fail if a message of the server is invalid.
#[derive(Debug)]
pub struct Client {
    inner: mcp_runtime::Client,
    revision: &'static str,
    raw: Conversation,
}

impl Client {
    /// As [`mcp_runtime::Client::call`].
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<ToolReply, ClientError> {
        let reply = self.inner.call(tool, arguments).await;
        self.check(
            "tools/call",
            reply.as_ref().map(|reply| reply.as_json().clone()),
        );
        reply
    }

    /// As [`mcp_runtime::Client::read`].
    pub async fn read(&self, uri: &str) -> Result<Vec<Value>, ClientError> {
        let contents = self.inner.read(uri).await;
        self.check_items("resources/read", "contents", contents)
    }

    /// As [`mcp_runtime::Client::prompt`].
    pub async fn prompt(&self, name: &str, arguments: Value) -> Result<Vec<Value>, ClientError> {
        let messages = self.inner.prompt(name, arguments).await;
        self.check_items("prompts/get", "messages", messages)
    }

    /// As [`mcp_runtime::Client::complete`].
    pub async fn complete(
        &self,
        of: &str,
        argument: &str,
        value: &str,
    ) -> Result<Completed, ClientError> {
        let completed = self.inner.complete(of, argument, value).await;
        let result = completed.as_ref().map(|completed| {
            let completion = json!({ "values": completed.values, "hasMore": completed.has_more });
            self.rebuilt(json!({ "completion": completion }), false)
        });
        self.check("completion/complete", result);
        completed
    }

    /// As [`mcp_runtime::Client::tools`].
    pub async fn tools(&self) -> Result<Vec<Value>, ClientError> {
        self.check_items("tools/list", "tools", self.inner.tools().await)
    }

    /// As [`mcp_runtime::Client::resources`].
    pub async fn resources(&self) -> Result<Vec<Value>, ClientError> {
        self.check_items("resources/list", "resources", self.inner.resources().await)
    }

    /// As [`mcp_runtime::Client::resource_templates`].
    pub async fn resource_templates(&self) -> Result<Vec<Value>, ClientError> {
        let templates = self.inner.resource_templates().await;
        self.check_items("resources/templates/list", "resourceTemplates", templates)
    }

    /// As [`mcp_runtime::Client::prompts`].
    pub async fn prompts(&self) -> Result<Vec<Value>, ClientError> {
        self.check_items("prompts/list", "prompts", self.inner.prompts().await)
    }

    /// As [`mcp_runtime::Client::request`].
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, ClientError> {
        let result = self.inner.request(method, params).await;
        self.check(method, result.as_ref().cloned());
        result
    }

    /// As [`mcp_runtime::Client::send`].
    pub async fn send(&self, message: &str) -> Result<Option<Value>, ClientError> {
        self.raw.sent(message.as_bytes());
        let reply = self.inner.send(message).await?;
        if let Some(reply) = &reply {
            self.raw.received(reply);
        }
        Ok(reply)
    }

    /// As [`mcp_runtime::Client::listen`].
    pub fn listen(&self, wishes: Value) -> Result<ClientListening, ClientError> {
        let listening = self.inner.listen(wishes);
        if let Err(error) = &listening {
            self.check("subscriptions/listen", Err(error));
        }
        listening
    }

    /// As [`mcp_runtime::Client::take_notifications`].
    pub fn take_notifications(&self) -> Vec<Value> {
        let messages = self.inner.take_notifications();
        for message in &messages {
            self.raw.received(message);
        }
        messages
    }

    /// As [`mcp_runtime::Client::close`].
    pub async fn close(self) {
        self.inner.close().await;
    }

    #[track_caller]
    fn check(&self, method: &str, outcome: Result<Value, &ClientError>) {
        match outcome {
            Ok(result) => expect(schemas::result(self.revision, method, &result)),
            Err(ClientError::Rpc {
                code,
                message,
                data,
            }) => {
                let mut error = json!({ "code": code, "message": message });
                if let Some(data) = data {
                    error["data"] = data.clone();
                }
                expect(schemas::error(self.revision, &error));
            }
            Err(_) => {}
        }
    }

    /// Checks the items of a result whose other members are unknown.
    #[track_caller]
    fn check_items(
        &self,
        method: &str,
        member: &str,
        items: Result<Vec<Value>, ClientError>,
    ) -> Result<Vec<Value>, ClientError> {
        let result = items
            .as_ref()
            .map(|items| self.rebuilt(json!({ member: items }), method != "prompts/get"));
        self.check(method, result);
        items
    }

    /// A result with these members and all others that its revision requires.
    fn rebuilt(&self, mut result: Value, is_cacheable: bool) -> Value {
        if self.revision == MODERN {
            result["resultType"] = "complete".into();
        }
        if self.revision == MODERN && is_cacheable {
            result["ttlMs"] = 0.into();
            result["cacheScope"] = "private".into();
        }
        result
    }
}
