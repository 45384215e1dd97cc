//! The tools that change the server: its lists, and a resource with subscribers.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use mcp_runtime::{Prompt, Resource, ServerHandle, Tool, prelude::*};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

/// The maximum size of a file to compress, in bytes.
const MAX_FILE: usize = 1 << 20;

/// The maximum number of compressed files that the server keeps. The oldest are removed.
const MAX_FILES: usize = 10;

/// The updates of the counter.
pub(crate) struct Updates {
    interval: Duration,
    count: Arc<AtomicU64>,
    /// The task that counts, while there is one.
    running: Mutex<Option<AbortHandle>>,
    /// The URIs of the compressed files, the oldest first.
    files: Mutex<Vec<String>>,
}

impl Updates {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            count: Arc::default(),
            running: Mutex::default(),
            files: Mutex::default(),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Starts or stops the updates. Returns `true` if they run.
    fn toggle(&self, context: &Context) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = running.take() {
            task.abort();
            return false;
        }
        let (count, notifier) = (Arc::clone(&self.count), context.notify());
        let mut ticks = tokio::time::interval(self.interval);
        let task = tokio::spawn(async move {
            loop {
                ticks.tick().await;
                count.fetch_add(1, Ordering::Relaxed);
                notifier.resource_updated("demo://resource/counter");
            }
        });
        *running = Some(task.abort_handle());
        true
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = running {
            task.abort();
        }
    }
}

/// Start or stop the updates of the resource `demo://resource/counter`. Its subscribers are notified of each.
#[tool(
    name = "toggle-subscriber-updates",
    destructive = false,
    open_world = false
)]
async fn toggle_subscriber_updates(context: Context, updates: State<Updates>) -> String {
    let seconds = updates.interval.as_secs_f32();
    if updates.toggle(&context) {
        format!("Started: `demo://resource/counter` is updated every {seconds} seconds.")
    } else {
        "Stopped.".to_owned()
    }
}

async fn extra(_: Value, _: Context) -> &'static str {
    "I am extra."
}

/// Add or remove a tool, a prompt and a resource with the name `extra`. Clients are notified that the lists changed.
#[tool(name = "toggle-components", destructive = false, open_world = false)]
async fn toggle_components(server: State<ServerHandle>) -> Result<&'static str, ToolError> {
    if server.remove_tool("extra") {
        server.remove_prompt("extra");
        server.remove_resource("demo://resource/extra");
        return Ok("Removed.");
    }
    let tool = Tool::new("extra", json!({ "type": "object" }), extra);
    server.add(
        tool.description("Was added while the server runs.")
            .read_only(true),
    )?;
    let prompt = Prompt::new("extra", [], extra);
    server.add(prompt.description("Was added while the server runs."))?;
    let resource = Resource::new("demo://resource/extra", "extra", extra);
    server.add(resource.description("Was added while the server runs."))?;
    Ok("Added.")
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum OutputType {
    /// A link to the file.
    ResourceLink,
    /// The file itself.
    Resource,
}

/// Compress a file with gzip. It becomes a resource of the server.
#[tool(
    name = "gzip-file-as-resource",
    destructive = false,
    idempotent,
    open_world = false
)]
async fn gzip_file_as_resource(
    /// The name of the compressed file.
    #[arg(default = "README.md.gz", length(1..=100))]
    name: String,
    /// The file, as a `data:` URL.
    #[arg(default = "data:text/markdown;base64,IyBIZWxsbwo=")]
    data: String,
    /// What to return.
    #[arg(name = "outputType", default = OutputType::ResourceLink)]
    output_type: OutputType,
    server: State<ServerHandle>,
    updates: State<Updates>,
) -> Result<Content, ToolError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !name.bytes().all(is_name) || name.contains("..") {
        let message =
            "`name` has letters, digits, `-`, `_` and single dots, such as `README.md.gz`";
        return Err(ToolError::new(message));
    }
    let bytes = compress(&decode(&data)?)?;
    let uri = format!("demo://resource/session/{name}");
    let contents = move || ResourceContents::bytes(bytes.clone()).mime("application/gzip");
    let file = contents();
    keep(&server, &updates, &uri, &name, contents)?;
    Ok(match output_type {
        OutputType::Resource => EmbeddedResource::new(uri, file).into(),
        OutputType::ResourceLink => ResourceLink::new(uri, name).mime("application/gzip").into(),
    })
}

/// Adds a file to the resources of the server, in place of an earlier one with its name.
fn keep(
    server: &ServerHandle,
    updates: &Updates,
    uri: &str,
    name: &str,
    contents: impl Fn() -> ResourceContents + Send + Sync + 'static,
) -> Result<(), ToolError> {
    let mut files = updates.files.lock().unwrap_or_else(PoisonError::into_inner);
    server.remove_resource(uri);
    files.retain(|file| file != uri);
    if files.len() == MAX_FILES {
        server.remove_resource(&files.remove(0));
    }
    let read = move |_: Value, _: Context| {
        let contents = contents();
        async move { contents }
    };
    let resource = Resource::new(uri, name, read).mime("application/gzip");
    server.add(resource.description("A compressed file."))?;
    files.push(uri.to_owned());
    Ok(())
}

/// Returns the content of a `data:` URL (RFC 2397).
fn decode(url: &str) -> Result<Vec<u8>, ToolError> {
    let parts = url.strip_prefix("data:").and_then(|it| it.split_once(','));
    let bytes = parts.and_then(|(kind, data)| {
        let bytes: Vec<u8> = percent_decode_str(data).collect();
        if kind.ends_with(";base64") {
            STANDARD.decode(bytes).ok()
        } else {
            Some(bytes)
        }
    });
    let Some(bytes) = bytes else {
        let message = "`data` is not a `data:` URL: write it as `data:text/plain;base64,SGVsbG8=`";
        return Err(ToolError::new(message));
    };
    if bytes.len() > MAX_FILE {
        let message = format!(
            "the file has {} bytes, and at most {MAX_FILE} are allowed",
            bytes.len()
        );
        return Err(ToolError::new(message));
    }
    Ok(bytes)
}

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
