//! The upstream server of these tests: the fixture, and tools that ask, count, change and end it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Prompt, PromptArgument, Resource, ServerHandle, Tool};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The number of calls that were started and that were dropped before their end.
#[derive(Debug, Default)]
struct Counters {
    started: AtomicU32,
    dropped: AtomicU32,
}

/// Counts a call that is dropped before it is done.
struct Running {
    counters: State<Counters>,
    is_done: bool,
}

impl Running {
    fn new(counters: State<Counters>) -> Self {
        counters.started.fetch_add(1, Ordering::SeqCst);
        Self {
            counters,
            is_done: false,
        }
    }

    fn done<T>(mut self, result: T) -> T {
        self.is_done = true;
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_done {
            self.counters.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[derive(Deserialize, mcp_runtime::schemars::JsonSchema, mcp_runtime::Elicit)]
struct Name {
    name: String,
}

/// Ask for a name.
#[tool]
async fn ask_name(
    question: Option<String>,
    context: Context,
    counters: State<Counters>,
) -> Result<String, ToolError> {
    let running = Running::new(counters);
    let question = question.unwrap_or_else(|| "Your name?".to_owned());
    let Name { name } = context.elicit(question).await?;
    Ok(running.done(format!("hello {name}")))
}

/// Ask for two names, one after the other.
#[tool]
async fn ask_twice(context: Context, counters: State<Counters>) -> Result<String, ToolError> {
    let running = Running::new(counters);
    let Name { name: first } = context.elicit("The first name?").await?;
    let Name { name: second } = context.elicit("The second name?").await?;
    Ok(running.done(format!("hello {first} and {second}")))
}

/// Ask a model.
#[tool]
async fn ask_model(context: Context, counters: State<Counters>) -> Result<String, ToolError> {
    let running = Running::new(counters);
    let sample = context.sample("Say a word").max_tokens(9).await?;
    Ok(running.done(format!("the model says {}", sample.text())))
}

/// Ask for the roots.
#[tool]
async fn ask_roots(context: Context, counters: State<Counters>) -> Result<String, ToolError> {
    let running = Running::new(counters);
    let roots = context.roots().await?;
    Ok(running.done(format!("{} roots", roots.len())))
}

/// Ask for a name, the roots and a model at the same time.
#[tool]
async fn ask_everything(context: Context, counters: State<Counters>) -> Result<String, ToolError> {
    let running = Running::new(counters);
    let (name, sample, roots) = tokio::join!(
        context.elicit("Your name?"),
        context.sample("Say a word"),
        context.roots(),
    );
    let Name { name } = name?;
    let (word, roots) = (sample?.text(), roots?.len());
    Ok(running.done(format!("{name}, {word}, {roots} roots")))
}

/// Wait until the call is cancelled, or until a limit.
#[tool]
async fn wait_counted(milliseconds: u64, counters: State<Counters>) -> String {
    let running = Running::new(counters);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    running.done("waited".to_owned())
}

/// The number of calls that were started and dropped.
#[tool]
async fn counted(counters: State<Counters>) -> String {
    let (started, dropped) = (&counters.started, &counters.dropped);
    format!(
        "{} {}",
        started.load(Ordering::SeqCst),
        dropped.load(Ordering::SeqCst)
    )
}

/// Return `_meta` of the request.
#[tool]
async fn meta(context: Context) -> String {
    Value::Object(context.meta()).to_string()
}

/// Add a tool.
#[tool]
async fn grow(name: String, handle: State<ServerHandle>) -> Result<(), ToolError> {
    let schema = json!({ "type": "object" });
    let tool = Tool::new(&name, schema, |_: Value, _: Context| async { "grown" });
    handle.add(tool)?;
    Ok(())
}

/// Remove a tool.
#[tool]
async fn shrink(name: String, handle: State<ServerHandle>) -> bool {
    handle.remove_tool(&name)
}

/// Ask for a name, and then wait until the call is cancelled.
#[tool]
async fn ask_and_wait(context: Context, counters: State<Counters>) -> Result<String, ToolError> {
    let running = Running::new(counters);
    let Name { name } = context.elicit("Your name?").await?;
    tokio::time::sleep(Duration::from_secs(60)).await;
    Ok(running.done(name))
}

/// The number of questions during which `ask_and_report` has gone on.
struct Reports(watch::Sender<u32>);

/// Ask for two names, and report progress before, during and after each question.
#[tool]
async fn ask_and_report(context: Context, reports: State<Reports>) -> Result<String, ToolError> {
    let report = |step| context.progress(step, Some(5), None);
    report(1);
    let mut names = Vec::new();
    for number in 1..=2 {
        let asking = context.elicit(format!("Name {number}?"));
        let meanwhile = async {
            let mut reports = reports.0.subscribe();
            let _ = reports.wait_for(|count| *count >= number).await;
            report(2 * number);
            context.log(LogLevel::Info, format!("asked for name {number}"));
        };
        let (name, ()) = tokio::join!(asking, meanwhile);
        let Name { name } = name?;
        names.push(name);
        report(2 * number + 1);
    }
    Ok(format!("hello {}", names.join(" and ")))
}

/// Let `ask_and_report` go on during one question more.
#[tool]
async fn go_on(reports: State<Reports>) {
    reports.0.send_modify(|count| *count += 1);
}

/// Ask for a name after other calls have started.
#[tool]
async fn ask_later(context: Context) -> Result<String, ToolError> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let Name { name } = context.elicit("Your name?").await?;
    Ok(format!("hello {name}"))
}

/// The id of the process.
#[tool]
async fn process() -> u32 {
    std::process::id()
}

/// End the process without a reply.
#[tool]
fn exit() {
    std::process::exit(3);
}

fn defined_tool(name: &str, text: &str) -> Tool {
    let schema = json!({ "type": "object" });
    Tool::new(name, schema, |_: Value, _: Context| async { "defined" }).description(text)
}

fn defined_prompt(name: &str, text: &str) -> Prompt {
    let argument = PromptArgument::new("topic").description(text).optional();
    Prompt::new(name, [argument], |_: Value, _: Context| async { "defined" })
}

fn defined_resource(uri: &str, text: &str) -> Resource {
    Resource::new(uri, "defined", |_: Value, _: Context| async { "defined" }).title(text)
}

/// Define a component of a kind again, or remove it if there is no text.
#[tool]
async fn define(
    kind: String,
    name: String,
    text: Option<String>,
    handle: State<ServerHandle>,
) -> Result<(), ToolError> {
    let (resource, template) = (defined_uri(&name), defined_template(&name));
    match &*kind {
        "tool" => handle.remove_tool(&name),
        "prompt" => handle.remove_prompt(&name),
        "resource" => handle.remove_resource(&resource),
        _ => handle.remove_resource(&template),
    };
    let Some(text) = text else { return Ok(()) };
    match &*kind {
        "tool" => handle.add(defined_tool(&name, &text))?,
        "prompt" => handle.add(defined_prompt(&name, &text))?,
        "resource" => handle.add(defined_resource(&resource, &text))?,
        _ => handle.add(defined_resource(&template, &text))?,
    }
    Ok(())
}

fn defined_uri(name: &str) -> String {
    format!("defined://{name}")
}

fn defined_template(name: &str) -> String {
    format!("pages://{name}/{{page}}")
}

/// Returns the server. The fixture has all components of its package, and so those of this file.
pub(crate) fn server() -> Server {
    let server = mcp_tests::fixture::server();
    let handle = server.handle();
    let text = std::env::var("DEFINED_AS").unwrap_or_else(|_| "old".to_owned());
    server
        .instructions(&*text)
        .state(handle)
        .state(Counters::default())
        .state(Reports(watch::Sender::default()))
        .with(defined_tool("kept", &text))
        .with(defined_prompt("kept", &text))
        .with(defined_resource(&defined_uri("kept"), &text))
        .with(defined_resource(&defined_template("kept"), &text))
}
