//! A client that creates tasks and reads them.

use std::time::Duration;

use mcp_runtime::{ClientError, Principal, Server};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

/// The time between two requests for the state of a task.
const POLL: Duration = Duration::from_millis(5);

/// How often the state of a task is requested.
const POLLS: usize = 2000;

/// The capabilities of a client with tasks and forms.
pub(crate) fn with_tasks() -> Value {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} }, "elicitation": { "form": {} } })
}

pub(crate) struct Caller {
    pub(crate) client: Client,
    /// `null` for a client with a session.
    pub(crate) capabilities: Value,
}

impl Caller {
    pub(crate) async fn of(server: Server) -> Self {
        Self {
            client: server.connect().await,
            capabilities: with_tasks(),
        }
    }

    pub(crate) async fn named(server: Server, name: &str) -> Self {
        Self {
            client: server.connect().principal(Principal::new(name)).await,
            capabilities: with_tasks(),
        }
    }

    /// A client without tasks.
    pub(crate) fn without_tasks(mut self) -> Self {
        self.capabilities = json!({});
        self
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        mut params: Value,
    ) -> Result<Value, ClientError> {
        // The client of a session declares its capabilities once.
        if !self.capabilities.is_null() {
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
        }
        self.client.request(method, params).await
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ClientError> {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await
    }

    /// Calls a tool, and returns the id of the task.
    pub(crate) async fn task(&self, tool: &str, arguments: Value) -> String {
        let created = self.call(tool, arguments).await.unwrap();
        assert_eq!(created["resultType"], "task", "{created}");
        created["taskId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Value, ClientError> {
        self.request("tasks/get", json!({ "taskId": id })).await
    }

    /// Waits until the task is in one of these states.
    pub(crate) async fn until(&self, id: &str, statuses: &[&str]) -> Value {
        let mut last = Value::Null;
        for _ in 0..POLLS {
            last = self.get(id).await.unwrap();
            if statuses.iter().any(|status| last["status"] == *status) {
                return last;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("the task is never {statuses:?}: {last}");
    }

    /// Waits until the task has ended.
    pub(crate) async fn end(&self, id: &str) -> Value {
        self.until(id, &["completed", "failed", "cancelled"]).await
    }

    pub(crate) async fn update(&self, id: &str, responses: Value) -> Result<Value, ClientError> {
        let params = json!({ "taskId": id, "inputResponses": responses });
        self.request("tasks/update", params).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<Value, ClientError> {
        self.request("tasks/cancel", json!({ "taskId": id })).await
    }
}

/// The code of an error.
#[track_caller]
pub(crate) fn code(outcome: Result<Value, ClientError>) -> i64 {
    match outcome {
        Err(ClientError::Rpc { code, .. }) => code,
        other => panic!("no error: {other:?}"),
    }
}

/// The answer to a form.
pub(crate) fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}
