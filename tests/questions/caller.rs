//! A client of the stateless era that answers some or all questions.

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Tool};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

/// A server with one tool, `tool`, that accepts any arguments.
pub(crate) fn server<F, Fut>(handler: F) -> Server
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    Server::new("questions", "1.0.0").with(tool("tool", handler))
}

pub(crate) fn tool<F, Fut>(name: &str, handler: F) -> Tool
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    let schema = json!({ "type": "object" });
    Tool::new(name, schema, move |_: Value, context| handler(context))
}

/// All capabilities of a client that matter to questions.
pub(crate) fn everything() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

pub(crate) struct Caller {
    pub(crate) client: Client,
    capabilities: Value,
}

/// A finished call.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) result: Value,
    /// The questions of each round, by name.
    pub(crate) rounds: Vec<Value>,
}

impl Done {
    pub(crate) fn text(&self) -> &str {
        self.result["content"][0]["text"].as_str().unwrap()
    }

    /// The messages of all questions, round by round, each in order of their texts.
    pub(crate) fn messages(&self) -> Vec<Vec<&str>> {
        self.rounds.iter().map(messages).collect()
    }
}

/// The messages of a round.
pub(crate) fn messages(requests: &Value) -> Vec<&str> {
    let requests = requests.as_object().unwrap().values();
    let mut messages: Vec<&str> = requests.map(message).collect();
    messages.sort_unstable();
    messages
}

pub(crate) fn message(request: &Value) -> &str {
    request["params"]["message"].as_str().unwrap_or_default()
}

pub(crate) fn is_asking(result: &Value) -> bool {
    result["resultType"] == "input_required"
}

/// The only question of a round, and its name.
pub(crate) fn only(asking: &Value) -> (&str, &Value) {
    let requests = asking["inputRequests"].as_object().expect("questions");
    assert_eq!(requests.len(), 1, "{asking}");
    let (key, request) = requests.iter().next().unwrap();
    (key, request)
}

/// The parameters of a call of the tool.
pub(crate) fn tool_call() -> Value {
    json!({ "name": "tool", "arguments": {} })
}

impl Caller {
    pub(crate) async fn of(server: Server) -> Self {
        Self::with(server, everything()).await
    }

    pub(crate) async fn with(server: Server, capabilities: Value) -> Self {
        Self {
            client: server.connect().await,
            capabilities,
        }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, method: &str, mut params: Value) -> Result<Value, ClientError> {
        let key = "io.modelcontextprotocol/clientCapabilities";
        params["_meta"] = json!({ key: self.capabilities });
        let result = self.client.request(method, params).await?;
        assert_eq!(is_asking(&result), result.get("inputRequests").is_some());
        if is_asking(&result) {
            for hint in ["ttlMs", "cacheScope"] {
                assert!(result.get(hint).is_none(), "{result}");
            }
            let requests = result["inputRequests"].as_object().unwrap();
            assert!(!requests.is_empty(), "{result}");
            assert!(result["requestState"].is_string(), "{result}");
        }
        Ok(result)
    }

    /// Sends a request again, with answers and the state that came with the questions.
    pub(crate) async fn again(
        &self,
        method: &str,
        params: &Value,
        answers: Value,
        asking: &Value,
    ) -> Result<Value, ClientError> {
        let mut params = params.clone();
        params["inputResponses"] = answers;
        params["requestState"] = asking["requestState"].clone();
        self.send(method, params).await
    }

    /// Calls the tool for the first time.
    pub(crate) async fn call(&self) -> Value {
        self.send("tools/call", tool_call()).await.unwrap()
    }

    /// Calls the tool again.
    pub(crate) async fn retry(&self, asking: &Value, answers: Value) -> Value {
        self.again("tools/call", &tool_call(), answers, asking)
            .await
            .unwrap()
    }

    /// Answers the only question of a round.
    pub(crate) async fn reply(&self, asking: &Value, answer: Value) -> Value {
        self.retry(asking, json!({ only(asking).0: answer })).await
    }

    /// Answers until nothing is left to answer. Questions for which `answer` returns `None` are not answered.
    pub(crate) async fn drive(
        &self,
        method: &str,
        params: Value,
        answer: impl Fn(usize, &Value) -> Option<Value>,
    ) -> Done {
        let mut rounds = Vec::new();
        let mut result = self.send(method, params.clone()).await.unwrap();
        while is_asking(&result) {
            assert!(rounds.len() < 200, "the call does not end");
            let requests = result["inputRequests"].as_object().unwrap();
            let answers: Value = requests
                .iter()
                .filter_map(|(key, request)| Some((key.clone(), answer(rounds.len(), request)?)))
                .collect::<serde_json::Map<_, _>>()
                .into();
            rounds.push(result["inputRequests"].clone());
            result = self.again(method, &params, answers, &result).await.unwrap();
        }
        Done { result, rounds }
    }

    /// [`Caller::drive`] for the tool.
    pub(crate) async fn run(&self, answer: impl Fn(usize, &Value) -> Option<Value>) -> Done {
        self.drive("tools/call", tool_call(), answer).await
    }
}

/// The code of a refusal.
pub(crate) fn code(outcome: Result<Value, ClientError>) -> i64 {
    match outcome {
        Err(ClientError::Rpc { code, .. }) => code,
        other => panic!("the call was not refused: {other:?}"),
    }
}
