//! Measures replicas and stores; `tests/cluster/throughput` starts it.
//!
//! - `cluster-figures calls ADDRESS TOOL SECONDS` prints the calls of a tool a second, of [`CONNECTIONS`] clients: of 2026-07-28, or, for the
//!   tool `visit`, each with a session.
//! - `cluster-figures tasks STORE COUNT` runs tasks in this process, and prints the tasks a second, and the bytes by which the memory of this
//!   process has grown when all of them are finished. STORE is `memory`, a file, or the URL of a Redis.

#![allow(clippy::print_stdout)] // prints its results

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{Client, MemoryStore, RedisStore, SqliteStore, Store, Tasks};
use mcp_tests::Outcome;
use mcp_tests::raw_http::{Connection, modern_headers, session};
use serde_json::{Value, json};

/// The connections that call at the same time.
const CONNECTIONS: usize = 16;

/// The tasks that run at the same time. All are of one caller, whose list of unfinished tasks is one value.
const RUNNING: usize = 8;

/// The limits of the store in memory: eight times what one caller may use, which is an eighth.
const ENTRIES: usize = 1_000_000;
const BYTES: usize = 4 << 30;

/// The first request of a session.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"figures","version":"1"}}}"#;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["calls", address, tool, seconds] => {
            let time = Duration::from_secs(seconds.parse()?);
            let rate = calls(address.parse()?, tool, time)?;
            println!("{rate:.0}");
        }
        ["tasks", store, count] => tasks(store, count.parse()?).await?,
        _ => {
            return Err(
                "usage: cluster-figures calls ADDRESS TOOL SECONDS | tasks STORE COUNT".into(),
            );
        }
    }
    Ok(())
}

/// Returns the calls a second.
fn calls(address: SocketAddr, tool: &str, time: Duration) -> Outcome<f64> {
    let started = Instant::now();
    let total = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| client(address, tool, started + time)))
            .collect();
        clients.into_iter().try_fold(0, |total, client| {
            let calls = client.join().map_err(|_| "a client panicked")?;
            Ok::<u32, Box<dyn std::error::Error + Send + Sync>>(total + calls?)
        })
    })?;
    Ok(f64::from(total) / started.elapsed().as_secs_f64())
}

/// Calls a tool on one connection until a time, and returns the number of calls.
fn client(address: SocketAddr, tool: &str, end: Instant) -> Outcome<u32> {
    let mut params = json!({ "name": tool, "arguments": {} });
    let headers = if tool == "visit" {
        session(address, "2025-11-25", "", INITIALIZE)?.0
    } else {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        modern_headers("tools/call", Some(tool))
    };
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let body = body.to_string();
    let mut connection = Connection::open(address)?;
    let mut count = 0;
    while Instant::now() < end {
        let response = connection.ask(&headers, &body)?;
        let reply = response.message()?;
        if reply["result"]["isError"] == true || reply.get("result").is_none() {
            return Err(format!("{tool}: {reply}").into());
        }
        count += 1;
    }
    Ok(count)
}

/// Count to three.
#[tool(task)]
async fn count(context: Context) -> &'static str {
    context.progress(3, Some(3), None);
    "one, two, three"
}

/// Runs tasks, and prints the tasks a second and the growth of the memory.
async fn tasks(store: &str, count: usize) -> Outcome<()> {
    let store: Arc<dyn Store> = match store {
        "memory" => Arc::new(MemoryStore::new(ENTRIES, BYTES)),
        url if url.starts_with("redis") => Arc::new(RedisStore::connect(url).await?),
        file => Arc::new(SqliteStore::open(file)?),
    };
    let options = Tasks::new().per_principal(RUNNING * 2).store(store);
    let server = Server::new("figures", "1.0.0").with(components![self::count]);
    let client = Arc::new(server.tasks(options).client().await);
    run(&client, RUNNING).await?;
    let (started, before) = (Instant::now(), memory()?);
    run(&client, count).await?;
    let rate = f64::from(u32::try_from(count)?) / started.elapsed().as_secs_f64();
    println!("{rate:.0} {}", memory()?.saturating_sub(before));
    Ok(())
}

/// Runs this many tasks until all are finished.
async fn run(client: &Arc<Client>, count: usize) -> Outcome<()> {
    let runs: Vec<_> = (0..RUNNING)
        .map(|number| {
            let client = Arc::clone(client);
            tokio::spawn(async move {
                for _ in (number..count).step_by(RUNNING) {
                    finish(&client).await?;
                }
                Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
            })
        })
        .collect();
    for run in runs {
        run.await??;
    }
    Ok(())
}

/// Creates a task, and reads it until it is completed.
async fn finish(client: &Client) -> Outcome<()> {
    let capabilities = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let meta = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
    let call = json!({ "name": "count", "arguments": {}, "_meta": meta });
    let created = client.request("tools/call", call).await?;
    let request = json!({ "taskId": created["taskId"], "_meta": meta });
    loop {
        let task = client.request("tasks/get", request.clone()).await?;
        match task["status"].as_str() {
            Some("completed") => return Ok(()),
            Some("working") => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => return Err(format!("a task: {}", Value::to_string(&task)).into()),
        }
    }
}

/// Returns the resident memory of this process in bytes.
fn memory() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.ok_or("no memory in /proc/self/status")?;
    Ok(kilobytes.trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
