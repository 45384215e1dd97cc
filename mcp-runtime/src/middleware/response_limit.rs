//! A limit on the size of results.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::caller::CallerId;
use crate::content::{Content, Message, ResourceContents, ResourceLink, Structured, ToolResult};
use crate::context::Context;
use crate::layer::{CallKind, CallOutcome, Layer, LayeredCall, Next};
use crate::opaque::opaque_debug;
use crate::outcome::Outcome;
use crate::protocol::cache::CacheScope;
use crate::protocol::error::RpcError;
use crate::registry::Resource;
use crate::seal::random_bytes;
use crate::service::BoxFuture;
use crate::store::{Bounded, Lease, milliseconds, now};
use crate::sync::Mutex;

/// The default limit.
const BYTES: usize = 4 << 20;

/// The limits of all spilled results together.
const SPILLED_ENTRIES: usize = 1000;
const SPILLED_BYTES: usize = 256 << 20;

/// The memory overhead of a spilled result, in bytes.
const OVERHEAD: usize = 300;

/// The URI template of spilled results.
const TEMPLATE: &str = "spilled://{id}";

/// A layer that limits the size of results, because large ones fill the context of a model or exceed what clients accept.
///
/// A larger result is cut: the client receives the beginning of its text and a note. The cut is between two characters. Images and sounds that do not fit are left out. The size is that of all texts before they are escaped as JSON,
/// and of bytes in base64. Completions and lists are not limited.
///
/// Structured content cannot be cut. A result whose structured content alone is larger than the limit becomes an error, because
/// a client expects structured content that fits the schema. So does a resource whose bytes are larger.
///
/// With [`ResponseLimit::spill`], the caller receives a link to the whole result of a tool instead.
///
/// ```
/// use mcp_runtime::{ResponseLimit, Server};
///
/// let server = Server::new("app", "1.0.0").layer(ResponseLimit::new(100_000));
/// ```
#[derive(Clone)]
pub struct ResponseLimit {
    bytes: usize,
    spilled: Option<Spilled>,
}

opaque_debug!(ResponseLimit, |it| bytes: it.bytes);

/// 4 MiB.
impl Default for ResponseLimit {
    fn default() -> Self {
        Self::new(BYTES)
    }
}

impl ResponseLimit {
    /// Creates a limit in bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes,
            spilled: None,
        }
    }

    /// Keeps large results of tools for this time. The caller receives a link to the result, and can read it until the time is
    /// over. The returned resource serves these links: add it to the server.
    ///
    /// Only the caller who received a link can read it: the same principal, session, connection or, without these, address. Its
    /// URI cannot be guessed. Results are in the memory of this process, at most 1,000 and 256 MiB; if it is full, a result is
    /// cut instead. A result with structured content becomes an error with the link, because the structured content is missing.
    ///
    /// Add a [`ResponseCache`](crate::ResponseCache) after this layer, so that it keeps the whole result and each caller
    /// receives a link of its own. A cache around this layer does not keep results with such a link.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::{ResponseLimit, Server};
    ///
    /// let (limit, spilled) = ResponseLimit::new(100_000).spill(Duration::from_secs(600));
    /// let server = Server::new("app", "1.0.0").layer(limit).with(spilled);
    /// ```
    pub fn spill(mut self, ttl: Duration) -> (Self, Resource) {
        let spilled = Spilled {
            ttl,
            entries: Arc::new(Mutex::new(Bounded::new(SPILLED_ENTRIES, SPILLED_BYTES))),
        };
        self.spilled = Some(spilled.clone());
        let read = move |variables: Value, context: Context| {
            let contents = spilled.read(variables["id"].as_str().unwrap_or_default(), &context);
            std::future::ready(contents)
        };
        let resource = Resource::new(TEMPLATE, "spilled-result", read)
            .description("A result of a tool that was too large to be sent.")
            .cache(Duration::ZERO, CacheScope::Private);
        (self, resource)
    }

    fn limit(&self, call: &LayeredCall, outcome: CallOutcome) -> CallOutcome {
        let bytes = outcome.0.bytes();
        // A spilled result is read in full.
        let is_spilled = call.kind() == CallKind::Resource && call.name() == TEMPLATE;
        if bytes <= self.bytes || is_spilled {
            return outcome;
        }
        let cut = Cut {
            left: self.bytes,
            note: format!(
                "[cut: the result has {bytes} bytes, and the limit is {} bytes]",
                self.bytes
            ),
        };
        CallOutcome(match outcome.0 {
            Outcome::Tool { result, is_error } => self.limit_tool(call, result, is_error, cut),
            Outcome::Read {
                mime,
                uri,
                contents,
                cache,
            } => match cut.contents(contents) {
                Ok(contents) => Outcome::Read {
                    mime,
                    uri,
                    contents,
                    cache,
                },
                Err(error) => Outcome::Error(error),
            },
            Outcome::Prompt {
                description,
                messages,
            } => Outcome::Prompt {
                description,
                messages: cut.messages(messages),
            },
            other => other,
        })
    }

    fn limit_tool(
        &self,
        call: &LayeredCall,
        result: ToolResult,
        is_error: bool,
        cut: Cut,
    ) -> Outcome {
        match &self.spilled {
            Some(spilled) if !is_error && bytes_of_links(&result) <= self.bytes => {
                let mut result = Some(result);
                let linked = spilled.keep(call, &mut result);
                linked.unwrap_or_else(|| cut.tool(result.unwrap_or_default(), is_error))
            }
            _ => cut.tool(result, is_error),
        }
    }
}

impl Layer for ResponseLimit {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let limit = self.clone();
        Box::pin(async move {
            let outcome = next.run().await;
            limit.limit(&call, outcome)
        })
    }
}

/// A result that is being cut.
struct Cut {
    /// The number of bytes that may still be sent.
    left: usize,
    note: String,
}

impl Cut {
    fn tool(mut self, mut result: ToolResult, mut is_error: bool) -> Outcome {
        if let Some(Structured::Json(json)) = &result.structured {
            if json.len() > self.left {
                result.structured = None;
                is_error = true;
            } else {
                self.left -= json.len();
            }
        }
        result.content.retain_mut(|block| self.fits(block));
        result.content.push(Content::text(self.note));
        Outcome::Tool { result, is_error }
    }

    fn messages(mut self, mut messages: Vec<Message>) -> Vec<Message> {
        messages.retain_mut(|message| self.fits(&mut message.content));
        messages.push(Message::user(self.note));
        messages
    }

    fn contents(
        mut self,
        mut contents: Vec<ResourceContents>,
    ) -> Result<Vec<ResourceContents>, RpcError> {
        for part in &mut contents {
            let size = part.size();
            match part.inner_text_mut() {
                Some(text) => {
                    let is_cut = self.shorten(text);
                    if is_cut {
                        text.push('\n');
                        text.push_str(&self.note);
                    }
                }
                None if size > self.left => {
                    return Err(RpcError::internal(format!(
                        "The resource is too large: {}",
                        self.note
                    )));
                }
                None => self.left -= size,
            }
        }
        Ok(contents)
    }

    /// Cuts the text of a block. Returns `false` if the block must be left out.
    fn fits(&mut self, block: &mut Content) -> bool {
        let size = block.bytes();
        match block.inner_text_mut() {
            Some(text) => {
                self.shorten(text);
                !text.is_empty()
            }
            None if size > self.left => false,
            None => {
                self.left -= size;
                true
            }
        }
    }

    /// Cuts a text between two characters. Returns `true` if it was too long.
    fn shorten(&mut self, text: &mut String) -> bool {
        let mut end = self.left.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let is_cut = end < text.len();
        text.truncate(end);
        self.left = if is_cut { 0 } else { self.left - end };
        is_cut
    }
}

/// The results that are kept until their callers read them.
#[derive(Clone)]
struct Spilled {
    ttl: Duration,
    entries: Arc<Mutex<Bounded<String, SpilledResult>>>,
}

struct SpilledResult {
    caller: CallerId,
    contents: Vec<ResourceContents>,
}

impl Spilled {
    /// Takes a result and returns the outcome with a link to it, or `None` if it cannot be kept.
    fn keep(&self, call: &LayeredCall, result: &mut Option<ToolResult>) -> Option<Outcome> {
        let id = format!("{:032x}", u128::from_be_bytes(random_bytes().ok()?));
        let bytes = result.as_ref().map_or(0, ToolResult::bytes);
        let caller = CallerId::of(call.context());
        let lease = Lease {
            owner: caller.owner.clone(),
            expires: now().saturating_add(milliseconds(self.ttl)),
            bytes: OVERHEAD + bytes,
        };
        let mut links = Vec::new();
        let mut is_error = false;
        let make = || {
            let result = result.take().unwrap_or_default();
            is_error = result.structured.is_some();
            let contents;
            (contents, links) = split(result);
            SpilledResult { caller, contents }
        };
        self.entries.lock().hold(id.clone(), lease, make).ok()?;
        // The link is only for this caller, and only until it expires.
        call.forbid_reuse();
        let note = format!(
            "The result has {bytes} bytes, which is too large to be sent. The link to it is valid for {} s.",
            self.ttl.as_secs()
        );
        let name = format!("result of {}", call.name());
        let link = ResourceLink::new(TEMPLATE.replace("{id}", &id), name).size(bytes as u64);
        let linked = ToolResult::new().content(note).content(link);
        let result = links.into_iter().fold(linked, ToolResult::content);
        Some(Outcome::Tool { result, is_error })
    }

    /// Returns a result, if it is still kept and belongs to the caller.
    fn read(&self, id: &str, context: &Context) -> Option<Vec<ResourceContents>> {
        let entries = self.entries.lock();
        let result = entries.get(id)?;
        (result.caller == CallerId::of(context)).then(|| result.contents.clone())
    }
}

/// Returns the size of the links of a result, which are sent even if its content is kept.
fn bytes_of_links(result: &ToolResult) -> usize {
    let links = result.content.iter();
    let links = links.filter(|block| matches!(block, Content::ResourceLink(_)));
    links.map(Content::bytes).sum()
}

/// Converts a result into the contents of a resource. Links are returned unchanged.
fn split(result: ToolResult) -> (Vec<ResourceContents>, Vec<Content>) {
    let (mut contents, mut links) = (Vec::new(), Vec::new());
    for block in result.content {
        match block {
            Content::Text(text) => {
                contents.push(ResourceContents::text(text.text).mime("text/plain"));
            }
            Content::Image(image) => {
                contents.push(ResourceContents::bytes(image.data).mime(image.mime));
            }
            Content::Audio(audio) => {
                contents.push(ResourceContents::bytes(audio.data).mime(audio.mime));
            }
            Content::Resource(resource) => contents.push(resource.contents),
            link @ Content::ResourceLink(_) => links.push(link),
        }
    }
    if let Some(Structured::Json(json)) = result.structured {
        contents.push(ResourceContents::text(json).mime("application/json"));
    }
    (contents, links)
}
