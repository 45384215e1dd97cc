//! A server whose requests end in every way, for the tests of logs, traces and metrics.

#![allow(clippy::panic)] // a panic is one of the ways

use std::fmt;
use std::io;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, ResourceLink};
use serde::Deserialize;

/// A value of clients that no log may contain.
#[allow(dead_code)] // the tests send it
pub(crate) const TRAP: &str = "trap-4711";

/// The environment variable that makes the start of the server fail.
pub(crate) const BROKEN: &str = "OBSERVED_BROKEN";

/// The timeout of the handlers that never finish.
const SHORT: Duration = Duration::from_millis(30);

/// Say a text again.
#[tool]
async fn echo(text: String) -> String {
    text
}

/// Say a text again, from a thread.
#[tool]
fn echo_blocking(text: String) -> String {
    tracing::info!("on a thread");
    text
}

/// An error with a cause.
#[derive(Debug)]
struct DatabaseError(io::Error);

impl DatabaseError {
    fn new() -> Self {
        Self(io::Error::other("unable to open database file"))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the database failed")
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Fail.
#[tool]
async fn fails(text: String) -> Result<String, DatabaseError> {
    drop(text);
    Err(DatabaseError::new())
}

/// Panic with a text of the client.
#[tool]
async fn panics(text: String) {
    panic!("it broke: {text}");
}

/// Block the thread for too long.
#[tool]
async fn blocks() {
    std::thread::sleep(Duration::from_millis(150));
}

/// The time that a slow call takes.
#[allow(dead_code)] // the tests compare it with durations
pub(crate) const SLOW: Duration = Duration::from_millis(120);

/// Wait, and end in time.
#[tool]
async fn slow() {
    tokio::time::sleep(SLOW).await;
    tracing::info!("after the wait");
}

/// Never finish, and be stopped.
#[tool(timeout = SHORT)]
async fn late() {
    std::future::pending::<()>().await;
}

/// Never finish.
#[tool]
async fn waits() {
    std::future::pending::<()>().await;
}

/// A form.
#[derive(Debug, Deserialize, schemars::JsonSchema, Elicit)]
struct Answer {
    /// The answer.
    yes: bool,
}

/// Ask the user.
#[tool]
async fn asks(context: Context) -> Result<String, ToolError> {
    let answer = context.elicit::<Answer>("Really?").await?;
    Ok(answer.yes.to_string())
}

/// Return the trace headers for a call of another service.
#[tool]
async fn calls_another(context: Context) -> String {
    let trace = context.outgoing_trace();
    let headers = trace
        .headers()
        .map(|(name, value)| format!("{name}: {value}"));
    headers.collect::<Vec<_>>().join("\n")
}

/// Run within a span of its own, with an event.
#[tool]
async fn traced() {
    let span = tracing::info_span!("query", table = "users");
    let _entered = span.enter();
    tracing::info!(rows = 3, "the query is done");
}

/// The notes.
fn notes() -> Vec<ResourceLink> {
    tracing::info!("listing");
    vec![ResourceLink::new("notes://monday", "monday")]
}

/// A note.
#[resource("notes://{name}", list = notes)]
async fn note(name: String) -> String {
    name
}

/// A note that never arrives.
#[resource("late://{name}", timeout = SHORT)]
async fn late_note(name: String) -> String {
    drop(name);
    std::future::pending().await
}

/// Names for a greeting.
fn names(completion: Completion) -> Vec<String> {
    tracing::info!("completing");
    vec![completion.value().to_owned()]
}

/// Greet somebody.
#[prompt]
async fn greet(#[arg(complete = names)] name: String) -> String {
    format!("Hello, {name}!")
}

/// A prompt that never arrives.
#[prompt(timeout = SHORT)]
async fn late_prompt() -> String {
    std::future::pending().await
}

/// Returns the server. Its start fails if [`BROKEN`] is set.
pub(crate) fn server() -> Server {
    let server = Server::new("observed", "1.2.3")
        .with(components![
            echo,
            echo_blocking,
            fails,
            panics,
            blocks,
            slow,
            late,
            waits,
            asks,
            calls_another,
            traced,
            note,
            late_note,
            greet,
            late_prompt
        ])
        .mask_errors()
        .forward_logs_of([env!("CARGO_CRATE_NAME")]);
    if std::env::var_os(BROKEN).is_none() {
        return server;
    }
    server.lifespan(
        || async { Err::<(), _>(DatabaseError::new()) },
        |_| async {},
    )
}
