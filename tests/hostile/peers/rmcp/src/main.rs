//! The server under attack, with rmcp: `hostile-rmcp [[keys] --http ADDRESS]`. With `keys`, callers need the key of `ada` or `bob`,
//! which a middleware in front of rmcp checks. It identifies the caller, to whom the server seals its states.

use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use rmcp::handler::server::tool::{InputResponses, RequestState};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, ErrorData, InputRequiredResult,
    RequestStateCodec, SealOptions, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, ServiceExt, tool, tool_handler, tool_router};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Addends {
    a: f64,
    b: f64,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Length {
    bytes: usize,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Time {
    milliseconds: u64,
}

/// A confirmation.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Confirmation {
    /// Whether to go on.
    really: bool,
}

rmcp::elicit_safe!(Confirmation);

/// The caller of a request, as the middleware has identified it.
#[derive(Clone)]
struct Caller(&'static str);

const KEYS: [(&str, &str); 2] = [
    ("ada", "Bearer ada-0123456789abcdef-0123456789abcdef"),
    ("bob", "Bearer bob-0123456789abcdef-0123456789abcdef"),
];

static STATES: LazyLock<RequestStateCodec> = LazyLock::new(|| {
    RequestStateCodec::try_new(b"0123456789abcdef0123456789abcdef").expect("a key of 32 bytes")
});

/// The name of the question.
const QUESTION: &str = "really";

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::invalid_params(error.to_string(), None)
}

fn told(really: bool) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(really.to_string())]).into()
}

/// Asks in a result, as the newest revision does.
fn asked(caller: &str) -> Result<CallToolResponse, ErrorData> {
    let options = SealOptions::new().associated_data(caller.as_bytes());
    let question = serde_json::json!({ QUESTION: {
        "method": "elicitation/create",
        "params": {
            "mode": "form", "message": "Really?",
            "requestedSchema": { "type": "object", "properties": { "really": { "type": "boolean" } }, "required": ["really"] },
        },
    } });
    let requests = serde_json::from_value(question).map_err(failed)?;
    let state = STATES.seal_with(b"asked", &options);
    Ok(InputRequiredResult::new(Some(requests), Some(state)).into())
}

#[derive(Clone, Default)]
struct Attacked;

#[tool_router]
impl Attacked {
    #[tool(description = "Add two numbers.")]
    async fn add(&self, Parameters(Addends { a, b }): Parameters<Addends>) -> String {
        (a + b).to_string()
    }

    #[tool(description = "Return a text of this length.")]
    async fn text(&self, Parameters(Length { bytes }): Parameters<Length>) -> String {
        "x".repeat(bytes)
    }

    #[tool(description = "Wait.")]
    async fn wait(&self, Parameters(Time { milliseconds }): Parameters<Time>) -> String {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        "waited".to_owned()
    }

    #[tool(description = "Ask for a confirmation.")]
    async fn confirm(
        &self,
        RequestState(state): RequestState,
        InputResponses(responses): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let parts = context
            .extensions
            .get::<Parts>()
            .ok_or_else(|| failed("no HTTP request"))?;
        let caller = parts
            .extensions
            .get::<Caller>()
            .map_or("", |caller| caller.0);
        if parts
            .headers
            .get("mcp-protocol-version")
            .is_none_or(|version| version != "2026-07-28")
        {
            let answer = context
                .peer
                .elicit::<Confirmation>("Really?")
                .await
                .map_err(failed)?;
            return Ok(told(answer.is_some_and(|answer| answer.really)));
        }
        let (Some(state), Some(responses)) = (state, responses) else {
            return asked(caller);
        };
        STATES
            .open_with(&state, caller.as_bytes())
            .map_err(failed)?;
        let answer = responses.get(QUESTION).ok_or_else(|| failed("no answer"))?;
        Ok(told(answer["content"]["really"] == true))
    }

    #[tool(description = "Panic.")]
    async fn panics(&self) -> String {
        panic!("on purpose")
    }
}

#[tool_handler]
impl ServerHandler for Attacked {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

async fn identify(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION);
    let known = KEYS
        .iter()
        .find(|(_, key)| given.is_some_and(|given| given == key));
    let Some((name, _)) = known else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    request.extensions_mut().insert(Caller(name));
    next.run(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let has_keys = arguments.first().is_some_and(|first| first == "keys");
    if has_keys {
        arguments.remove(0);
    }
    let [_, address] = arguments.as_slice() else {
        Attacked.serve(stdio()).await?.waiting().await?;
        return Ok(());
    };
    let service = StreamableHttpService::new(
        || Ok(Attacked),
        LocalSessionManager::default().into(),
        StreamableHttpServerConfig::default(),
    );
    let mut router = axum::Router::new().nest_service("/mcp", service);
    if has_keys {
        router = router.layer(from_fn(identify));
    }
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
