//! How results are closed in each revision, and how failures become replies.

use serde_json::{Map, Value};

use super::Core;
use crate::content::push_member;
use crate::protocol::Id;
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::{begin_result, error_reply, push_json};
use crate::protocol::revision::Features;
use crate::service::Reply;

/// How long a client may keep a result, and with whom it may share it.
#[derive(Clone, Copy)]
pub(super) enum Caching {
    /// The result says nothing of it.
    Unsaid,
    /// It is the same for everybody, but may change at any time.
    Public,
    /// It is for this caller.
    Private,
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

/// Closes a result that has at least one member.
pub(super) fn close(
    mut text: String,
    core: &Core,
    features: &Features,
    caching: Caching,
    meta: Option<&Map<String, Value>>,
) -> Reply {
    if features.result_type {
        text.push_str(",\"resultType\":\"complete\"");
    }
    if features.cache_hints {
        text.push_str(match caching {
            Caching::Unsaid => "",
            Caching::Public => ",\"ttlMs\":0,\"cacheScope\":\"public\"",
            Caching::Private => ",\"ttlMs\":0,\"cacheScope\":\"private\"",
        });
    }
    if features.result_type {
        push_meta(&mut text, core.identity.info(features), meta);
    } else if let Some(meta) = meta {
        push_member(&mut text, "_meta", meta);
    }
    text.push_str("}}");
    Reply::new(text, Class::Answered)
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
