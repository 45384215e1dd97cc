use mcp_runtime::prelude::*;
use mcp_runtime::{IntoPrompt, IntoResource, IntoToolResult};

#[tool]
async fn opaque(a: u8) -> impl IntoToolResult {
    a
}

#[tool]
async fn fallible(text: String) -> Result<impl IntoToolResult, impl std::error::Error + Send + Sync + 'static> {
    text.parse::<u8>()
}

#[tool]
fn blocking() -> impl IntoToolResult {
    "text"
}

#[resource("texts://{text}")]
async fn text(text: String) -> impl IntoResource {
    text
}

#[prompt]
async fn ask(code: String) -> impl IntoPrompt {
    code
}

#[test]
fn it_runs() {
    let _ = components![opaque, fallible, blocking, text, ask];
}
