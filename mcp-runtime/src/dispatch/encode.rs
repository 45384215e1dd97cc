//! Encoding of outcomes as replies, in the format of the caller's revision.

use serde_json::{Map, Value};

use super::core::Core;
#[cfg(feature = "skills")]
use super::skills;
use crate::content::{Completions, Structured, ToolResult, push_array, push_blocks, push_member};
use crate::outcome::{Outcome, Page};
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::jsonrpc::{begin_result, push_json};
use crate::protocol::meta::SUBSCRIPTION_ID;
use crate::protocol::revision::Features;
use crate::protocol::{Id, Revision};
use crate::service::Reply;

/// The maximum number of values in a reply to `completion/complete`.
const MAX_VALUES: usize = 100;

/// Encodes the reply to the request with this id.
pub(super) fn reply(core: &Core, features: &Features, id: &Id, outcome: &Outcome) -> Reply {
    match outcome {
        Outcome::Error(refusal) => return Reply::error(Some(id), refusal),
        Outcome::TimedOut(error) => return reply(core, features, id, error),
        #[cfg(feature = "skills")]
        Outcome::List(_, page) if page.is_single && page.items.is_empty() => {
            return Reply::error(Some(id), &skills::removed());
        }
        _ => {}
    }
    let (features, opened) = match outcome {
        // The handshake has just negotiated the revision of the reply.
        Outcome::Initialized(_, session) => (session.revision.features(), Some(session.clone())),
        _ => (features, None),
    };
    let mut text = begin_result(id);
    text.push('{');
    Body { core, features }.push(&mut text, outcome);
    text.push_str("}}");
    Reply {
        opened,
        ..Reply::new(text)
    }
}

/// Encodes the result of a call, a JSON object, apart from a reply.
pub(super) fn result(core: &Core, features: &Features, outcome: &Outcome) -> String {
    let mut text = String::from("{");
    Body { core, features }.push(&mut text, outcome);
    text.push('}');
    text
}

/// The `result` of a reply.
struct Body<'a> {
    core: &'a Core,
    features: &'a Features,
}

impl Body<'_> {
    /// Appends the members of the result.
    fn push(&self, out: &mut String, outcome: &Outcome) {
        let features = self.features;
        match outcome {
            Outcome::Tool { result, is_error } => self.push_tool(out, result, *is_error),
            Outcome::Read {
                mime,
                uri,
                contents,
                cache,
            } => {
                let mime = mime.as_deref();
                out.push_str("\"contents\":");
                push_array(out, contents, |out, part| {
                    part.push(out, uri, mime, features);
                });
                self.close(out, Some(*cache), None);
            }
            Outcome::Prompt {
                description,
                messages,
            } => {
                out.push_str("\"messages\":");
                push_array(out, messages, |out, message| message.push(out, features));
                if let Some(description) = description {
                    push_member(out, "description", &**description);
                }
                self.close(out, None, None);
            }
            Outcome::Completion(completions) => {
                push_completions(out, completions);
                self.close(out, None, None);
            }
            Outcome::List(kind, page) => {
                push_page(out, kind, page);
                let cache = self.server_cache();
                let cache = if page.is_private {
                    cache.private()
                } else {
                    cache
                };
                self.close(out, Some(cache), None);
            }
            Outcome::InputRequired(members) => {
                out.push_str(members);
                out.push_str(",\"resultType\":\"input_required\"");
                push_meta(out, self.info(), None);
            }
            Outcome::TaskCreated(members) => self.push_of_task(out, members, "task"),
            Outcome::Task(members) => self.push_of_task(out, members, "complete"),
            Outcome::TaskAcknowledged => self.push_of_task(out, "", "complete"),
            Outcome::Discovered(capabilities) => self.push_discovered(out, capabilities),
            Outcome::Initialized(capabilities, _) => self.push_initialized(out, capabilities),
            Outcome::Unsubscribed(id) => {
                out.push_str("\"resultType\":\"complete\"");
                let mut meta = Map::new();
                meta.insert(SUBSCRIPTION_ID.to_owned(), id.clone());
                push_meta(out, self.info(), Some(&meta));
            }
            Outcome::Empty | Outcome::Error(_) | Outcome::TimedOut(_) => {}
        }
    }

    fn push_tool(&self, out: &mut String, result: &ToolResult, is_error: bool) {
        out.push_str("\"content\":");
        push_blocks(out, &result.content, self.features);
        if is_error {
            out.push_str(",\"isError\":true");
        }
        let structured = result.structured.as_ref();
        match structured.filter(|_| self.features.structured_content) {
            None => {}
            Some(Structured::Json(json)) => {
                out.push_str(",\"structuredContent\":");
                out.push_str(json);
            }
            Some(Structured::Scalar(value)) => {
                out.push_str(",\"structuredContent\":{\"result\":");
                push_json(out, value);
                out.push('}');
            }
        }
        self.close(out, None, result.meta.as_ref());
    }

    fn push_of_task(&self, out: &mut String, state: &str, kind: &str) {
        out.push_str(state);
        if !self.features.result_type {
            return;
        }
        if !state.is_empty() {
            out.push(',');
        }
        out.push_str("\"resultType\":");
        push_json(out, kind);
        push_meta(out, self.info(), None);
    }

    fn push_discovered(&self, out: &mut String, capabilities: &Value) {
        out.push_str("\"supportedVersions\":");
        push_json(out, &Revision::stateless_names());
        push_member(out, "capabilities", capabilities);
        self.push_instructions(out);
        let info = self.core.identity.introduction(self.features);
        self.close_as(out, info, Some(self.server_cache()), None);
    }

    fn push_initialized(&self, out: &mut String, capabilities: &Value) {
        out.push_str("\"protocolVersion\":");
        push_json(out, self.features.name);
        push_member(out, "capabilities", capabilities);
        out.push_str(",\"serverInfo\":");
        out.push_str(self.core.identity.introduction(self.features));
        self.push_instructions(out);
    }

    fn push_instructions(&self, out: &mut String) {
        let identity = &self.core.identity;
        identity.instructions(|instructions| push_member(out, "instructions", instructions));
    }

    fn info(&self) -> &str {
        self.core.identity.info(self.features)
    }

    /// Returns the cache hint of the server. By default, lists are public and stale: they are the same for all
    /// clients, but may change at any time.
    fn server_cache(&self) -> Cache {
        let cache = self.core.identity.cache;
        cache.unwrap_or_else(|| Cache::stale(CacheScope::Public))
    }

    /// Appends the members at the end of every complete result. The result must already have at least one member.
    fn close(&self, out: &mut String, cache: Option<Cache>, meta: Option<&Map<String, Value>>) {
        self.close_as(out, self.info(), cache, meta);
    }

    /// Appends the same members as [`Self::close`], with `info` as the server's info.
    fn close_as(
        &self,
        out: &mut String,
        info: &str,
        cache: Option<Cache>,
        meta: Option<&Map<String, Value>>,
    ) {
        if self.features.result_type {
            out.push_str(",\"resultType\":\"complete\"");
        }
        if let Some(cache) = cache.filter(|_| self.features.cache_hints) {
            push_member(out, "ttlMs", &cache.ttl_ms());
            push_member(out, "cacheScope", &cache.scope());
        }
        if self.features.result_type {
            push_meta(out, info, meta);
        } else if let Some(meta) = meta {
            push_member(out, "_meta", meta);
        }
    }
}

fn push_completions(out: &mut String, completions: &Completions) {
    let values = &completions.values;
    let shown = &values[..values.len().min(MAX_VALUES)];
    let is_known = completions.total.is_some() || completions.relayed.is_none();
    let total = completions.total.unwrap_or_default().max(values.len());
    let has_more = total > shown.len() || completions.relayed == Some(true);
    out.push_str("\"completion\":{\"values\":");
    push_json(out, shown);
    if is_known {
        push_member(out, "total", &total);
    }
    push_member(out, "hasMore", &has_more);
    out.push('}');
}

fn push_page(out: &mut String, kind: &str, page: &Page) {
    out.push('"');
    out.push_str(kind);
    #[cfg(feature = "skills")]
    if page.is_single {
        out.push_str("\":");
        out.push_str(&page.items);
        return;
    }
    out.push_str("\":[");
    out.push_str(&page.items);
    out.push(']');
    if let Some(next) = &page.next {
        push_member(out, "nextCursor", next);
    }
}

/// Appends `_meta` with the server's info, which every modern result has, and the given members.
fn push_meta(out: &mut String, info: &str, meta: Option<&Map<String, Value>>) {
    out.push_str(",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":");
    out.push_str(info);
    for (key, value) in meta.into_iter().flatten() {
        out.push(',');
        push_json(out, key);
        out.push(':');
        push_json(out, value);
    }
    out.push('}');
}
