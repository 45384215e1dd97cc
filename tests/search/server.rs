//! Searches generated tools, for `tests/search/run`:
//!
//! - `tool-search find TOOLS REQUESTS` prints the names of the first five tools for each request, as JSON.
//! - `tool-search cost TOOLS REQUESTS` measures the search of ten times as many tools. It fails if a search takes longer than the
//!   list of these tools, or if its index takes twice as long as the start of the server.

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

/// What a search costs.
struct SearchCost {
    search: Duration,
    /// The time that the first search takes longer.
    index: Duration,
    /// The memory that the first search leaves, in bytes.
    memory: u64,
}

async fn search_cost(definitions: &[Value], requests: &[Value]) -> Outcome<SearchCost> {
    let server = server(definitions, COPIES).tool_search(ToolSearch::new());
    let client = server.client().await;
    if client.tools().await?.len() != 2 {
        return Err("the list has more than the two tools of the search".into());
    }
    let before = anonymous(std::process::id())?;
    let mut times = Vec::new();
    let mut after = 0;
    for request in requests {
        let start = Instant::now();
        search(&client, request).await?;
        times.push(start.elapsed());
        if times.len() == 1 {
            after = anonymous(std::process::id())?;
        }
    }
    let first = times.remove(0);
    let search = median(times);
    Ok(SearchCost {
        search,
        index: first.saturating_sub(search),
        memory: after.saturating_sub(before),
    })
}

/// Returns the time to build a server, and the time to list all of its tools.
async fn list_cost(definitions: &[Value]) -> Outcome<(Duration, Duration)> {
    let server = server(definitions, COPIES);
    let start = Instant::now();
    let client = server.client().await;
    let build = start.elapsed();
    let mut times = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        client.tools().await?;
        times.push(start.elapsed());
    }
    Ok((build, median(times)))
}

async fn cost(definitions: &[Value], requests: &[Value]) -> Outcome<()> {
    // First, because memory that is free already would hide what the index takes.
    let SearchCost {
        search,
        index,
        memory,
    } = search_cost(definitions, requests).await?;
    let (build, list) = list_cost(definitions).await?;
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{} tools: the server starts in {build:.1?}, all tools are listed in {list:.1?}, a search takes {search:.1?}",
        definitions.len() * COPIES
    );
    println!(
        "a search takes {:.3} of the time of a list",
        ratio(search, list)
    );
    println!(
        "the index is built in {index:.1?}, {:.2} of the time of the start, and takes {} KiB",
        ratio(index, build),
        memory / 1024
    );
    if search > list {
        return Err("a search takes longer than the list of all tools".into());
    }
    if index > 2 * build {
        return Err("the index takes twice as long as the start of the server".into());
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
