//! Makes a server of each specification that it is given, and prints what became of it: `openapi-specs NAME=PATH[=BASE_URL] ..`.
//!
//! With a base URL, each tool is called once, with arguments that are made from its schema. `tests/openapi/run` starts a mock there
//! that validates requests against the specification.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)] // a test

mod generated;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mcp_runtime::{ExposeAs, HttpClient, OpenApi, Secret, Server, ToolError};
use mcp_tests::client::{Client, Connect as _};
use serde_json::Value;

/// The starts of each specification; the fastest counts.
const STARTS: usize = 5;

async fn secret(_: String) -> Result<Option<Secret<String>>, ToolError> {
    Ok(Some(Secret::new("user:password".to_owned())))
}

fn server(text: &str, base: Option<&str>) -> Server {
    let spec = OpenApi::new(text).unwrap_or_else(|error| panic!("{error}"));
    let spec = spec.base_url(base.unwrap_or("https://api.example.com"));
    let spec = spec.secret_store(secret).rules(|_| ExposeAs::Tool);
    let client = HttpClient::new().time_limit(Duration::from_secs(20));
    Server::openapi(spec, client).unwrap_or_else(|error| panic!("{error}"))
}

/// The outcomes of calls by their kinds, with the texts of those that the API did not answer well.
#[derive(Default)]
struct Calls {
    kinds: BTreeMap<&'static str, usize>,
    texts: Vec<String>,
}

impl Calls {
    fn note(&mut self, name: &str, arguments: &Value, text: &str, is_error: bool) {
        let kind = match text {
            _ if !is_error => "results",
            // A mock has only such a response for some requests. Its log says whether the request is valid.
            _ if text.starts_with("The API answers with the status") => "error statuses",
            _ if text.starts_with("The API has carried out") => "other forms",
            _ => "not sent",
        };
        *self.kinds.entry(kind).or_default() += 1;
        if ["other forms", "not sent"].contains(&kind) {
            let text: String = text.chars().take(600).collect();
            self.texts
                .push(format!("{kind}: {name} {arguments}\n    {text}"));
        }
    }
}

async fn call_all(client: &Client, tools: &[Value]) -> Calls {
    let mut calls = Calls::default();
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        let arguments = generated::arguments(&tool["inputSchema"]);
        let reply = client.call(name, arguments.clone()).await.unwrap();
        calls.note(name, &arguments, &reply.text(), reply.is_error());
    }
    calls
}

#[tokio::main]
async fn main() {
    println!(
        "| specification | version | operations | KiB | start | list | calls |\n|---|---|---|---|---|---|---|"
    );
    let mut texts = Vec::new();
    for argument in std::env::args().skip(1) {
        let mut parts = argument.splitn(3, '=');
        let (name, path) = (parts.next().unwrap(), parts.next().unwrap());
        let base = parts.next();
        let text = std::fs::read_to_string(path).unwrap();
        let version = text.find("openapi").map_or("", |at| &text[at + 7..]);
        let version: String = version
            .chars()
            .skip_while(|it| !it.is_ascii_digit())
            .take(5)
            .collect();
        let operations = OpenApi::new(&text).unwrap().operations().unwrap().len();
        let mut fastest = Duration::MAX;
        for _ in 0..STARTS {
            let start = Instant::now();
            let client = server(&text, base).client().await;
            fastest = fastest.min(start.elapsed());
            drop(client);
        }
        // The client validates the list against the official schema.
        let client = server(&text, base).connect().await;
        let tools = client.tools().await.unwrap();
        let bytes: usize = tools.iter().map(|tool| tool.to_string().len()).sum();
        assert_eq!(tools.len(), operations, "{name}");
        let calls = if base.is_some() {
            call_all(&client, &tools).await
        } else {
            Calls::default()
        };
        let kinds = calls
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        let (size, list) = (text.len() / 1024, bytes / 1024);
        println!(
            "| {name} | {version} | {operations} | {size} | {:.1} ms | {list} KiB | {kinds} |",
            fastest.as_secs_f64() * 1000.0
        );
        texts.extend(calls.texts.into_iter().map(|it| format!("{name}: {it}")));
    }
    for text in &texts {
        eprintln!("{text}");
    }
}
