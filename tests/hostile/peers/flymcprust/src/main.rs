//! The server under attack, with flymcprust: `hostile-flymcprust [[keys] --http ADDRESS]`. With `keys`, callers need the key of
//! `ada` or `bob`, which the verifier of its OAuth configuration checks.

use std::time::Duration;

use flymcprust::prelude::*;
use flymcprust::transport::http::{HttpConfig, OAuth, StreamableHttpService, serve};
use flymcprust::{Principal, TokenError};

/// Add two numbers.
#[tool]
async fn add(a: f64, b: f64) -> f64 {
    a + b
}

/// Return a text of this length.
#[tool]
async fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Wait.
#[tool]
async fn wait(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "waited".to_owned()
}

/// A confirmation.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Confirmation {
    /// Whether to go on.
    really: bool,
}

/// Ask for a confirmation.
#[tool]
async fn confirm(ctx: Ctx) -> Result<String, ToolError> {
    let answer: Confirmation = ctx.elicit("really", "Really?").await?;
    Ok(answer.really.to_string())
}

/// Panic.
#[tool]
async fn panics() -> String {
    panic!("on purpose")
}

const KEYS: [(&str, &str); 2] = [
    ("ada", "ada-0123456789abcdef-0123456789abcdef"),
    ("bob", "bob-0123456789abcdef-0123456789abcdef"),
];

fn identify(token: &str) -> Result<Principal, TokenError> {
    let known = KEYS.iter().find(|(_, key)| *key == token);
    known
        .map(|(name, _)| Principal::new(*name))
        .ok_or_else(|| TokenError::new("unknown"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder("attacked", "1.0.0")
        .tool::<add>()
        .tool::<text>()
        .tool::<wait>()
        .tool::<confirm>()
        .tool::<panics>()
        .build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [keys, _, address] if keys == "keys" => {
            let issuer = "https://auth.example.com";
            let oauth =
                OAuth::builder("http://localhost/mcp", identify).authorization_server(issuer);
            let config = HttpConfig::default().oauth(oauth.build()?);
            let listener = tokio::net::TcpListener::bind(address).await?;
            let service = StreamableHttpService::with_config(server, config);
            serve(listener, service, "/mcp", std::future::pending()).await?;
        }
        [_, address] => server.serve_http(address.as_str()).await?,
        _ => server.serve_stdio().await?,
    }
    Ok(())
}
