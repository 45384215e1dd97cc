//! How results are closed in each revision, and how failures become replies.

use serde_json::{Map, Value};

use super::Core;
use crate::content::push_member;
use crate::protocol::Id;
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::{begin_result, error_reply, push_json};
use crate::protocol::revision::Features;
use crate::service::Reply;

/// How long a client may keep a result, and with whom it may share it.
#[derive(Clone, Copy)]
pub(super) enum Caching {
    /// The result says nothing of it.
    Unsaid,
    /// What the server says of its lists and of itself.
    Server,
    /// What a resource says.
    Said(Cache),
}

/// An error reply.
pub(super) fn failure(id: &Id, error: &RpcError) -> Reply {
    Reply::new(error_reply(Some(id), error), error.class)
}

/// The empty result of legacy revisions.
pub(super) fn empty(id: &Id) -> Reply {
    let mut text = begin_result(id);
    text.push_str("{}}");
    Reply::new(text, Class::Answered)
}

/// A result without members of its own, and these members of its `_meta`.
pub(super) fn over(core: &Core, id: &Id, features: &Features, meta: &str) -> Reply {
    let mut text = begin_result(id);
    text.push_str(
        "{\"resultType\":\"complete\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":",
    );
    text.push_str(core.identity.info(features));
    text.push(',');
    text.push_str(meta);
    text.push_str("}}}");
    Reply::new(text, Class::Answered)
}

/// The result that asks the client; `members` are its questions and the state.
pub(super) fn input_required(core: &Core, id: &Id, features: &Features, members: &str) -> Reply {
    let mut text = begin_result(id);
    text.push('{');
    text.push_str(members);
    text.push_str(",\"resultType\":\"input_required\"");
    push_meta(&mut text, core.identity.info(features), None);
    text.push_str("}}");
    Reply::new(text, Class::Answered)
}

/// Closes a result that has at least one member.
pub(super) fn close(
    text: String,
    core: &Core,
    features: &Features,
    caching: Caching,
    meta: Option<&Map<String, Value>>,
) -> Reply {
    close_as(
        text,
        core,
        features,
        core.identity.info(features),
        caching,
        meta,
    )
}

/// [`close`], with what `info` says of the server.
pub(super) fn close_as(
    mut text: String,
    core: &Core,
    features: &Features,
    info: &str,
    caching: Caching,
    meta: Option<&Map<String, Value>>,
) -> Reply {
    if features.result_type {
        text.push_str(",\"resultType\":\"complete\"");
    }
    if features.cache_hints {
        push_cache(&mut text, core, caching);
    }
    if features.result_type {
        push_meta(&mut text, info, meta);
    } else if let Some(meta) = meta {
        push_member(&mut text, "_meta", meta);
    }
    text.push_str("}}");
    Reply::new(text, Class::Answered)
}

fn push_cache(text: &mut String, core: &Core, caching: Caching) {
    let cache = match caching {
        Caching::Unsaid => return,
        // Lists are the same for everybody, but may change at any time.
        Caching::Server => core
            .identity
            .cache
            .unwrap_or_else(|| Cache::stale(CacheScope::Public)),
        Caching::Said(cache) => cache,
    };
    push_member(text, "ttlMs", &cache.ttl_ms());
    push_member(text, "cacheScope", &cache.scope());
}

/// Appends `_meta` with the server's name, which every modern result carries, and what else there is.
fn push_meta(text: &mut String, info: &str, meta: Option<&Map<String, Value>>) {
    text.push_str(",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":");
    text.push_str(info);
    for (key, value) in meta.into_iter().flatten() {
        text.push(',');
        push_json(text, key);
        text.push(':');
        push_json(text, value);
    }
    text.push('}');
}
