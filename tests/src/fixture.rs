//! The components of the fixture.

#![allow(clippy::panic)] // panics are tested

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _};
use mcp_runtime::prelude::*;
use mcp_runtime::{Annotations, Capability, Completion, Completions, Icon, IconTheme, Role, Tool};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The number of handlers that were dropped before they ended.
#[derive(Debug, Default)]
pub struct Dropped(AtomicU32);

/// Counts itself if it is dropped before it is disarmed.
struct Witness {
    dropped: State<Dropped>,
    armed: bool,
}

impl Drop for Witness {
    fn drop(&mut self) {
        if self.armed {
            self.dropped.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Say an owned text again.
#[tool]
async fn echo_owned(text: String) -> String {
    text
}

/// Say a borrowed text again.
#[tool]
async fn echo_borrowed(text: &str) -> &str {
    text
}

/// Say several borrowed texts again.
#[tool]
async fn echo_list(texts: Vec<&str>) -> String {
    texts.join("|")
}

/// Say a text again, from a thread.
#[tool]
fn echo_blocking(text: &str) -> String {
    text.to_owned()
}

type Maybe<T> = Option<T>;

/// Show which optional arguments came.
#[tool]
async fn optional(
    number: Option<i64>,
    alias: Maybe<String>,
    #[arg(default = 7)] seven: u8,
    #[arg(default)] zero: u8,
    #[arg(name = "type")] kind: Option<&str>,
) -> String {
    format!("{number:?} {alias:?} {seven} {zero} {kind:?}")
}

/// A system of units.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Like most of the world.
    Metric,
    /// Like some of it.
    Imperial,
}

/// Data with data in it.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// What it is about.
    pub title: String,
    /// Its points.
    pub points: Vec<Point>,
    /// How they are measured.
    pub unit: Unit,
    /// A remark.
    pub remark: Option<String>,
}

/// A point.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Up.
    pub y: f64,
}

/// Give data back.
#[tool(title = "A report", read_only, idempotent, tags("reports", "data"))]
async fn report(report: Report) -> Json<Report> {
    Json(report)
}

/// Data that is not an object.
#[tool]
async fn numbers() -> Json<Vec<i64>> {
    Json(vec![1, 2, 3])
}

/// Data of any kind.
#[tool]
async fn anything(value: Value) -> Json<Value> {
    Json(value)
}

/// A scalar.
#[tool(inline)]
fn half(number: f64) -> f64 {
    number / 2.0
}

/// A number that JSON cannot hold.
#[tool]
async fn not_a_number() -> f64 {
    f64::NAN
}

/// Data with a number in it that JSON cannot hold.
#[tool]
async fn not_numbers() -> Json<Point> {
    Json(Point {
        x: 1,
        y: f64::INFINITY,
    })
}

/// Nothing.
#[tool]
async fn nothing() {}

/// Perhaps something.
#[tool]
async fn perhaps(yes: bool) -> Option<String> {
    yes.then(|| "something".to_owned())
}

/// A picture.
#[tool]
async fn picture() -> Image {
    Image::png(*b"\x89PNG")
}

/// A sound.
#[tool]
async fn sound() -> Audio {
    Audio::wav(*b"RIFF")
}

/// A link.
#[tool]
async fn link() -> ResourceLink {
    ResourceLink::new("text://readme", "readme")
        .title("Read me")
        .description("What to read")
        .icons([icon(), Icon::new("http://example.com/unsafe.png")])
}

/// Content of several kinds.
#[tool]
async fn mixed() -> (String, Image, EmbeddedResource) {
    let contents = ResourceContents::text("inside").mime("text/plain");
    (
        "text".to_owned(),
        Image::png(*b"x"),
        EmbeddedResource::new("text://inside", contents),
    )
}

/// Several texts.
#[tool]
async fn several() -> Vec<&'static str> {
    vec!["one", "two"]
}

/// Fails with an error of the standard library.
#[tool]
async fn fails() -> Result<String, ToolError> {
    Ok(std::fs::read_to_string("/nowhere/at/all").map_err(|_| "the disk is on fire")?)
}

/// Fails with an error for the model.
#[tool]
async fn fails_politely() -> Result<String, ToolError> {
    Err(ToolError::new("try again tomorrow"))
}

/// Panics.
#[tool]
async fn panics() -> String {
    panic!("a secret")
}

/// Panics on a thread.
#[tool]
fn panics_blocking() -> String {
    panic!("a secret")
}

/// Waits this long, and counts itself if it is cancelled.
#[tool]
async fn wait(milliseconds: u64, dropped: State<Dropped>) -> String {
    let mut witness = Witness {
        dropped,
        armed: true,
    };
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    witness.armed = false;
    format!("waited {milliseconds} ms")
}

/// Waits on a thread until it is cancelled, or until a limit.
#[tool]
fn wait_blocking(milliseconds: u64, cancel: Cancel, dropped: State<Dropped>) -> String {
    let mut left = milliseconds;
    while left > 0 && !cancel.is_cancelled() {
        std::thread::sleep(Duration::from_millis(5));
        left = left.saturating_sub(5);
    }
    if cancel.is_cancelled() {
        dropped.0.fetch_add(1, Ordering::SeqCst);
    }
    format!("{left} ms were left")
}

/// Sleeps on a thread and ignores its cancellation.
#[tool]
fn sleep_blocking(milliseconds: u64) -> String {
    std::thread::sleep(Duration::from_millis(milliseconds));
    format!("slept {milliseconds} ms")
}

/// Notifies of a changed list (`tools`, `prompts`, `resources`), or of a changed resource with this URI.
#[tool]
async fn announce(what: String, context: Context) {
    let notifier = context.notify();
    match what.as_str() {
        "tools" => notifier.tools_changed(),
        "prompts" => notifier.prompts_changed(),
        "resources" => notifier.resources_changed(),
        uri => notifier.resource_updated(uri),
    }
}

/// Reports progress and logs on a thread, and ignores its cancellation.
#[tool]
fn chatter(milliseconds: u32, context: Context) {
    let mut step = 0;
    while step < milliseconds {
        step += 1;
        context.progress(f64::from(step), None, None);
        context.log(LogLevel::Error, step);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Needs a capability that only some clients have.
#[tool]
async fn samples(context: Context) -> Result<String, ToolError> {
    context.require(Capability::Sampling)?;
    Ok("the client can sample".to_owned())
}

/// Raw JSON over several lines.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Foreign {
    /// As it was written.
    #[schemars(with = "Value")]
    pub json: Box<serde_json::value::RawValue>,
}

/// Data over several lines.
#[tool]
async fn foreign() -> Result<Json<Foreign>, ToolError> {
    let json = serde_json::value::RawValue::from_string("{\n  \"a\":\r\n 1\n}".to_owned())?;
    Ok(Json(Foreign { json }))
}

/// The number of handlers that were dropped.
#[tool]
async fn dropped(dropped: State<Dropped>) -> u32 {
    dropped.0.load(Ordering::SeqCst)
}

/// Reports progress.
#[tool]
async fn progress(steps: u32, context: Context) -> String {
    for step in 1..=steps {
        context.progress(f64::from(step), Some(f64::from(steps)), Some("on it"));
        // Neither call reports progress.
        context.progress(f64::from(step), None, None);
        context.progress(f64::NAN, None, None);
        tokio::task::yield_now().await;
    }
    let late = context.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        late.progress(1e9, None, Some("too late"));
    });
    "done".to_owned()
}

/// Logs at two levels, and once more after its end.
#[tool]
async fn logs(context: Context) -> String {
    context.log(LogLevel::Debug, "a detail");
    context.log_as("disk", LogLevel::Warning, json!({ "free": 1 }));
    context.log(LogLevel::Error, f64::NAN);
    let late = context.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        late.log(LogLevel::Emergency, "too late");
    });
    "done".to_owned()
}

/// Emits events of its own target and of another.
#[tool]
async fn events() -> String {
    tracing::debug!("a detail");
    tracing::warn!(free = 1, share = 0.5, full = true, "the disk is {}", "full");
    tracing::error!(target: "elsewhere", "a secret");
    tokio::task::yield_now().await;
    tracing::info!(target: "mcp_tests::part", text = "x", "after a while");
    "done".to_owned()
}

/// Emits an event on a thread.
#[tool]
fn events_blocking() -> String {
    tracing::error!("on a thread");
    "done".to_owned()
}

/// The client that calls.
#[tool]
async fn caller(context: Context, headers: Headers) -> String {
    let client = context.client();
    format!(
        "{} {} {} {:?} {:?}",
        client.name,
        context.revision().name(),
        context.request_id(),
        context.meta().get("com.example/note"),
        headers.get("x-note"),
    )
}

/// Streams texts.
#[tool]
async fn stream(count: u32) -> impl Stream<Item = String> {
    stream::iter(0..count).map(|number| format!("item {number}"))
}

/// Streams content of several kinds from a plain function, with an event in between.
#[tool]
fn stream_blocking() -> impl Stream<Item = Content> {
    stream::iter([Content::text("text"), Image::png(*b"x").into()])
        .inspect(|_| tracing::error!("an item"))
}

/// Streams a text and fails.
#[tool]
async fn stream_fails() -> Result<impl Stream<Item = Result<&'static str, ToolError>>, ToolError> {
    Ok(stream::iter([
        Ok("one"),
        Err(ToolError::new("there is no more")),
    ]))
}

/// Panics in the middle of a stream.
#[tool]
async fn stream_panics() -> impl Stream<Item = String> {
    stream::iter(0..2).map(|number| match number {
        0 => "one".to_owned(),
        _ => panic!("a secret"),
    })
}

/// Streams a text, and then nothing for a long time.
#[tool]
async fn stream_waits(dropped: State<Dropped>) -> impl Stream<Item = String> {
    let witness = Witness {
        dropped,
        armed: true,
    };
    stream::once(std::future::ready("one".to_owned())).chain(stream::once(async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(witness);
        "two".to_owned()
    }))
}

/// The trace context of the request.
#[tool]
async fn traced(context: Context) -> String {
    let trace = context.trace_context();
    format!(
        "{:?} {:?} {:?}",
        trace.traceparent, trace.tracestate, trace.baggage
    )
}

/// Prints to stdout, and lets a child process read stdin.
#[tool]
#[allow(clippy::print_stdout)] // printing is tested
fn prints() -> Result<String, ToolError> {
    println!("this is no message");
    let child = std::process::Command::new("cat").output()?;
    Ok(format!("the child read {} bytes", child.stdout.len()))
}

/// Ignores unknown arguments.
#[tool(open)]
async fn lenient(known: Option<i64>) -> String {
    format!("{known:?}")
}

/// Accepts exact types only.
#[tool(strict)]
async fn exact(number: i64) -> i64 {
    number
}

/// Arguments that are repeated in headers.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct Place {
    /// How high.
    #[schemars(extend("x-mcp-header" = "Level"))]
    pub level: Option<i32>,
}

/// Repeats arguments in headers.
#[tool]
async fn routed(
    #[arg(header = "Region")] region: String,
    #[arg(header = "Size")] size: Option<i64>,
    #[arg(header = "Dry-Run")] dry: Option<bool>,
    #[arg(header = "Unit")] unit: Option<Unit>,
    place: Option<Place>,
) -> String {
    let level = place.and_then(|place| place.level);
    format!("{region} {size:?} {dry:?} {unit:?} {level:?}")
}

/// The icon of everything that has one.
fn icon() -> Icon {
    Icon::new("https://example.com/icon.png")
        .mime("image/png")
        .sizes(["48x48"])
        .theme(IconTheme::Dark)
}

/// Shows a page beside its result.
#[tool(icons = icon(), meta = json!({ "com.example/note": 1, "ui": { "visibility": ["app"] } }), ui = "ui://fixture/panel")]
async fn shown() {}

/// A text.
#[resource("text://readme")]
fn readme() -> &'static str {
    "Read me."
}

/// Bytes.
#[resource("bytes://logo", mime = "image/png", size = 4)]
fn logo() -> Vec<u8> {
    b"\x89PNG".to_vec()
}

/// Data.
#[resource("data://numbers", name = "data")]
async fn data() -> Json<Vec<u8>> {
    Json(vec![1, 2])
}

/// A text in the URI.
#[resource("echo://{text}")]
async fn echo(text: &str) -> String {
    text.to_owned()
}

/// A path in the URI.
#[resource("path:///{+path}")]
async fn path(path: String) -> String {
    path
}

/// Numbers in the URI.
#[resource("users://{id}/posts{?limit,tags*}")]
async fn posts(id: u32, limit: Option<u8>, tags: Option<Vec<String>>) -> String {
    format!("{id} {limit:?} {tags:?}")
}

/// A resource that does not exist.
#[resource("absent://{name}")]
async fn absent(name: String) -> Option<String> {
    drop(name);
    None
}

/// A resource that cannot be read.
#[resource("broken://it")]
async fn broken() -> Result<String, std::io::Error> {
    Err(std::io::Error::other("the disk is on fire"))
}

/// A resource that panics.
#[resource("panic://it")]
async fn panicking() -> String {
    panic!("a secret")
}

/// A page of a tool.
#[resource(
    "ui://fixture/panel",
    mime = "text/html;profile=mcp-app",
    icons = [icon()],
    meta = json!({ "com.example/note": 2 }),
    annotations = Annotations::new()
        .audience([Role::User])
        .priority(0.5)
        .last_modified("2026-01-01T00:00:00Z"),
    cache(ttl = 60, scope = public)
)]
async fn panel() -> &'static str {
    "<p>Hello</p>"
}

/// The client that reads.
#[resource("caller://note", cache(ttl = Duration::from_millis(1500), scope = public))]
async fn note(headers: Headers, _context: Context) -> String {
    headers.get("x-note").unwrap_or_default().to_owned()
}

/// Greet somebody.
#[prompt(title = "A greeting")]
fn greet(
    /// Whom to greet.
    #[arg(complete = names)]
    name: String,
    /// How often.
    times: Option<u8>,
    unit: Option<Unit>,
) -> String {
    format!(
        "{}{unit:?}",
        format!("Hello {name}! ").repeat(times.unwrap_or(1).into())
    )
}

/// Many names.
async fn names(completion: Completion) -> Completions {
    let chosen = completion.argument("times").unwrap_or("any");
    (0..250)
        .map(|number| format!("name-{chosen}-{number:03}"))
        .filter(|name| name.starts_with(completion.value()))
        .collect()
}

/// A conversation.
#[prompt]
async fn talk() -> Vec<Message> {
    vec![
        Message::user("Hello?"),
        Message::assistant(Image::png(*b"x")),
        Message::user(Audio::wav(*b"y")),
    ]
}

/// A prompt that fails.
#[prompt(icons = vec![icon()], meta = json!({ "com.example/note": 3 }))]
async fn speechless() -> Result<String, ToolError> {
    Err(ToolError::new("nothing to say"))
}

/// The fixture.
pub fn server() -> Server {
    let schema = json!({ "type": "object", "properties": { "deep": { "$ref": "#/$defs/x" } }, "$defs": { "x": {} } });
    let dynamic = Tool::new(
        "dynamic",
        schema,
        |arguments: Value, context: Context| async move {
            format!("{arguments} for {}", context.revision().name())
        },
    );
    Server::new("fixture", "1.2.3")
        .title("The fixture")
        .website("https://example.com")
        .instructions("Test me.")
        .icons(icon())
        .extension("com.example/search", json!({ "fuzzy": true }))
        .state(Dropped::default())
        .forward_logs_of(["mcp_tests"])
        .with(mcp_runtime::components!())
        .with(dynamic)
}
