//! The server of the tests with processes.

#![allow(clippy::expect_used)] // allowed in tests

use std::time::Duration;

use mcp_runtime::{AskError, Limits, Tasks, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    #[schemars(length(min = 1))]
    name: String,
}

/// Sleep.
#[tool(task)]
async fn sleeps(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "slept".to_owned()
}

/// Sleep, only as a task.
#[tool(task = "required")]
async fn sleeps_only_in_tasks(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "slept".to_owned()
}

/// Sleep, as a task if it takes long.
#[tool(task(after = "50ms"))]
async fn sleeps_long(milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "slept".to_owned()
}

/// Never a task.
#[tool]
async fn plain() -> &'static str {
    "done"
}

/// Fail in some way.
#[tool(task)]
async fn fails(how: String) -> Result<String, ToolError> {
    assert!(how != "panic", "secret");
    match how.as_str() {
        "protocol" => Err(ToolError::protocol("the warehouse is down")),
        _ => Err(ToolError::new("no disk")),
    }
}

/// Report progress, and wait.
#[tool(task)]
async fn reports(context: Context) {
    context.progress(1, Some(2), Some("half"));
    std::future::pending::<()>().await;
}

/// Ask for a name, and greet.
#[tool(task)]
async fn greets(context: Context) -> Result<String, AskError> {
    let name: Name = context.elicit("Who?").key("who").await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(format!("Hello, {}!", name.name))
}

/// Ask for a name, and wait for ever.
#[tool(task)]
async fn asks_and_waits(context: Context) -> Result<(), AskError> {
    let _: Name = context.elicit("Who?").key("who").await?;
    std::future::pending().await
}

/// Ask for a name before anything else, and greet.
#[tool(task)]
async fn asks_first(#[ask("Who?")] who: Name) -> String {
    format!("Hello, {}!", who.name)
}

/// Ask everything at once.
#[tool(task)]
async fn asks_all(context: Context) -> String {
    let (name, page, sample, roots) = join!(
        context.elicit::<Name>("Who?"),
        context.elicit_url("Pay.", "https://pay.example.com/1"),
        context.sample("Hello?"),
        context.roots(),
    );
    let name = name.map_or_else(|error| error.to_string(), |name| name.name);
    let page = page.map_or_else(|error| error.to_string(), |()| "opened".to_owned());
    let sample = sample.map_or_else(|error| error.to_string(), |sample| sample.text());
    let roots = roots.map_or_else(|error| error.to_string(), |roots| roots.len().to_string());
    [name, page, sample, roots].join("; ")
}

/// Ask, with an effect before the question, and start again in the next process.
#[tool(task(restart))]
async fn orders(context: Context) -> Result<String, AskError> {
    let process = context.once("order", async { std::process::id() }).await?;
    let name: Name = context.elicit("Who?").key("who").await?;
    let is_same = process == std::process::id();
    Ok(format!("{}, same process: {is_same}", name.name))
}

fn tasks() -> Tasks {
    let ttl = std::env::var("TASKS_TTL").ok();
    let ttl = ttl.and_then(|ttl| ttl.parse().ok()).unwrap_or(60_000);
    let tasks = Tasks::new()
        .ttl(Duration::from_millis(ttl))
        .poll_interval(Duration::from_millis(20))
        .per_principal(60);
    #[cfg(feature = "stores")]
    if let Ok(path) = std::env::var("TASKS_FILE") {
        let store = mcp_runtime::SqliteStore::open(path);
        return tasks.store(store.expect("a file"));
    }
    tasks
}

/// The server.
pub(crate) fn server() -> Server {
    let inner = Server::new("inner", "1.0.0").with(components![sleeps, greets]);
    let mut limits = Limits::default();
    limits.shutdown_grace = Duration::from_secs(5);
    let server = Server::new("tasks", "1.0.0").with(components![
        sleeps,
        sleeps_only_in_tasks,
        sleeps_long,
        plain,
        fails,
        reports,
        greets,
        asks_and_waits,
        asks_first,
        asks_all,
        orders
    ]);
    server.mount("inner", inner).tasks(tasks()).limits(limits)
}
