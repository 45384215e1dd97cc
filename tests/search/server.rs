//! Searches generated tools, for `tests/search/run`:
//!
//! - `tool-search find TOOLS REQUESTS` prints the names of the first five tools for each request, as JSON.
//! - `tool-search cost TOOLS REQUESTS` measures the search of ten times as many tools. It fails if a search costs more than the
//!   list of these tools, or if its index costs more than the server.

#![allow(clippy::print_stdout)] // the results

use std::time::{Duration, Instant};

use mcp_runtime::{Client, Context, Server, Tool, ToolSearch};
use mcp_tests::Outcome;
use mcp_tests::server_process::anonymous;
use serde_json::{Value, json};

/// The copies of the tools whose cost is measured.
const COPIES: usize = 10;

async fn nothing(_: Value, _: Context) {}

/// Returns a server with copies of these tools.
fn server(definitions: &[Value], copies: usize) -> Server {
    let mut server = Server::new("search", "1.0.0");
    for copy in 0..copies {
        for definition in definitions {
            let text = |member: &str| definition[member].as_str().unwrap_or_default();
            let suffix = if copy == 0 {
                String::new()
            } else {
                format!("_{copy}")
            };
            let name = text("name").to_owned() + &suffix;
            let tool = Tool::new(name, definition["inputSchema"].clone(), nothing);
            server = server.with(tool.description(text("description")));
        }
    }
    server
}

fn read(path: &str) -> Outcome<Vec<Value>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

async fn search(client: &Client, request: &Value) -> Outcome<Vec<Value>> {
    let reply = client
        .call("search_tools", json!({ "query": request[0] }))
        .await?;
    let tools = reply.structured()["tools"].as_array().cloned();
    Ok(tools.unwrap_or_default())
}

async fn find(definitions: &[Value], requests: &[Value]) -> Outcome<()> {
    let client = server(definitions, 1)
        .tool_search(ToolSearch::new())
        .client()
        .await;
    let mut all = Vec::new();
    for request in requests {
        let tools = search(&client, request).await?;
        all.push(
            tools
                .iter()
                .map(|tool| tool["name"].clone())
                .collect::<Vec<_>>(),
        );
    }
    println!("{}", json!(all));
    Ok(())
}

/// Returns the median.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn cost(definitions: &[Value], requests: &[Value]) -> Outcome<()> {
    let plain = server(definitions, COPIES);
    let start = Instant::now();
    let client = plain.client().await;
    let mut lists = Vec::new();
    let count = client.tools().await?.len();
    let build = start.elapsed();
    for _ in 0..5 {
        let start = Instant::now();
        client.tools().await?;
        lists.push(start.elapsed());
    }
    client.close().await;
    drop(client);

    let client = server(definitions, COPIES)
        .tool_search(ToolSearch::new())
        .client()
        .await;
    assert_eq!(client.tools().await?.len(), 2);
    let memory = anonymous(std::process::id())?;
    let start = Instant::now();
    search(&client, &requests[0]).await?;
    let first = start.elapsed();
    let memory = anonymous(std::process::id()).saturating_sub(memory);
    let mut searches = Vec::new();
    for request in requests {
        let start = Instant::now();
        search(&client, request).await?;
        searches.push(start.elapsed());
    }
    let (list, searched) = (median(lists), median(searches));
    let index = first.saturating_sub(searched);
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{count} tools: start and first list {build:.1?}, a list {list:.1?}, a search {searched:.1?}, the index {index:.1?}"
    );
    println!("a search costs {:.3} of a list", ratio(searched, list));
    println!(
        "the index costs {:.2} of the start with its first list, and {memory} KiB",
        ratio(index, build)
    );
    if searched > list {
        return Err("a search costs more than the list of all tools".into());
    }
    if index > build {
        return Err("the index costs more than the start of the server".into());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, tools, requests] = arguments.as_slice() else {
        return Err(
            "the arguments are `find` or `cost`, and the files of the tools and of the requests"
                .into(),
        );
    };
    let (tools, requests) = (read(tools)?, read(requests)?);
    match command.as_str() {
        "find" => find(&tools, &requests).await,
        "cost" => cost(&tools, &requests).await,
        other => Err(format!("`{other}` is not a command").into()),
    }
}
