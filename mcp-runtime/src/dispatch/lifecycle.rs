//! `initialize` and `server/discover`: what the server says of itself.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/discover> and
//! <https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle>.

use serde_json::{Map, Value, json};

use super::Core;
use super::caller::Caller;
use super::reply::{Caching, close};
use crate::content::push_member;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::begin_result;
use crate::protocol::params::Params;
use crate::protocol::revision::Features;
use crate::protocol::{Id, Revision};
use crate::service::Reply;
use crate::session::Sessions;

/// What the server says of itself.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) instructions: Option<String>,
    /// Name and version as JSON, in the words of each revision.
    info: [String; Revision::COUNT],
}

impl Identity {
    pub(crate) fn new(
        name: &str,
        version: &str,
        title: Option<&str>,
        website: Option<&str>,
        instructions: Option<String>,
    ) -> Self {
        let info = |revision: Revision| {
            let features = revision.features();
            let mut info = json!({ "name": name, "version": version });
            if let Some(title) = title.filter(|_| features.titles_and_meta) {
                info["title"] = title.into();
            }
            if let Some(website) = website.filter(|_| features.website) {
                info["websiteUrl"] = website.into();
            }
            info.to_string()
        };
        Self {
            instructions,
            info: Revision::ALL.map(info),
        }
    }

    pub(super) fn info(&self, features: &Features) -> &str {
        &self.info[features.revision.index()]
    }
}

/// What the server can do now.
fn capabilities(core: &Core, features: &Features) -> Value {
    let snapshot = core.registry.now();
    let completes = features.completions_capability && snapshot.has_completers();
    let lists = json!({ "listChanged": true });
    let resources = json!({ "listChanged": true, "subscribe": true });
    let can = [
        // Any handler may log.
        ("logging", true, json!({})),
        ("tools", snapshot.has_tools(), lists.clone()),
        ("resources", snapshot.has_resources(), resources),
        ("prompts", snapshot.has_prompts(), lists),
        ("completions", completes, json!({})),
    ];
    let can: Map<String, Value> = can
        .into_iter()
        .filter(|(_, can, _)| *can)
        .map(|(name, _, how)| (name.to_owned(), how))
        .collect();
    can.into()
}

/// Opens a legacy session.
pub(super) fn initialize(core: &Core, id: &Id, params: &Params<'_>) -> Result<Reply, RpcError> {
    let revision = Revision::negotiate(&params.protocol_version()?);
    let capability = params
        .capabilities()
        .ok_or_else(|| RpcError::invalid_params("`params.capabilities` is missing"))?;
    let can = ClientCapabilities::parse(capability)
        .ok_or_else(|| RpcError::invalid_params("`params.capabilities` must be an object"))?;
    let client = params
        .client_info()
        .map(ClientInfo::parse)
        .unwrap_or_default();
    let session = Sessions::begin(revision, can, client)
        .map_err(|error| RpcError::internal(format!("No session could be opened: {error}")))?;
    let features = revision.features();
    let mut text = begin_result(id);
    text.push_str("{\"protocolVersion\":\"");
    text.push_str(features.name);
    text.push('"');
    push_member(&mut text, "capabilities", &capabilities(core, features));
    text.push_str(",\"serverInfo\":");
    text.push_str(core.identity.info(features));
    if let Some(instructions) = &core.identity.instructions {
        push_member(&mut text, "instructions", instructions);
    }
    text.push_str("}}");
    Ok(Reply {
        opened: Some(session),
        ..Reply::new(text, Class::Answered)
    })
}

/// Says what the server speaks and can do.
pub(super) fn discover(core: &Core, id: &Id, caller: &Caller) -> Reply {
    let mut text = begin_result(id);
    text.push_str("{\"supportedVersions\":");
    crate::protocol::jsonrpc::push_json(&mut text, &Revision::stateless_names());
    push_member(
        &mut text,
        "capabilities",
        &capabilities(core, caller.features),
    );
    if let Some(instructions) = &core.identity.instructions {
        push_member(&mut text, "instructions", instructions);
    }
    close(text, core, caller.features, Caching::Public, None)
}
