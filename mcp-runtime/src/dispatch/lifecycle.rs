//! `initialize` and `server/discover`: the server's info and capabilities.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/discover> and
//! <https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle>.

use serde_json::{Map, Value, json};

use super::core::{Core, MethodRun, Request};
#[cfg(feature = "skills")]
use super::skills;
use crate::outcome::Outcome;
use crate::protocol::Revision;
use crate::protocol::capability::{APPS, ClientCapabilities, ClientInfo, TASKS};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Features;
use crate::registry::Snapshot;
use crate::session::Sessions;

/// Returns the current capabilities of the server.
fn capabilities(core: &Core, features: &Features) -> Value {
    let snapshot = core.registry.now();
    let completes = features.completions_capability && snapshot.has_completers();
    let lists = json!({ "listChanged": true });
    let resources = json!({ "listChanged": true, "subscribe": true });
    let calls = json!({ "tools": { "call": {} } });
    let tasks = json!({ "list": {}, "cancel": {}, "requests": calls });
    let capabilities = [
        // Any handler may log.
        ("logging", true, json!({})),
        ("tools", snapshot.has_tools(), lists.clone()),
        ("resources", snapshot.has_resources(), resources),
        ("prompts", snapshot.has_prompts(), lists),
        ("completions", completes, json!({})),
        (
            "tasks",
            features.session_tasks && snapshot.has_tasks(),
            tasks,
        ),
    ];
    let mut capabilities: Map<String, Value> = capabilities
        .into_iter()
        .filter(|(_, is_supported, _)| *is_supported)
        .map(|(name, _, options)| (name.to_owned(), options))
        .collect();
    let extensions = extensions(core, features, &snapshot);
    if !extensions.is_empty() {
        capabilities.insert("extensions".to_owned(), extensions.into());
    }
    capabilities.into()
}

/// Returns the configured extensions, if the revision has any, and those that the components need. The specification of user
/// interfaces adds theirs to all revisions in which tools have `_meta`.
fn extensions(core: &Core, features: &Features, snapshot: &Snapshot) -> Map<String, Value> {
    let mut extensions = Map::new();
    if features.extensions {
        extensions.clone_from(&core.identity.extensions);
    }
    if snapshot.has_interfaces() && features.titles_and_meta {
        extensions.entry(APPS).or_insert_with(|| json!({}));
    }
    if features.extensions && snapshot.has_tasks() {
        extensions.entry(TASKS).or_insert_with(|| json!({}));
    }
    #[cfg(feature = "skills")]
    if features.extensions && snapshot.has_skills() {
        extensions.insert(skills::EXTENSION.to_owned(), skills::settings());
    }
    extensions
}

/// Opens a legacy session.
pub(super) fn initialize(request: Request) -> Result<MethodRun, RpcError> {
    let params = request.message.params()?;
    let revision = Revision::negotiate(&params.protocol_version()?);
    let declared = params
        .capabilities()
        .ok_or_else(|| RpcError::invalid_params("`params.capabilities` is missing"))?;
    let declared = ClientCapabilities::parse(declared).ok_or_else(|| {
        let message =
            "`params.capabilities` must be an object, and each capability in it an object";
        RpcError::invalid_params(message)
    })?;
    let client = params
        .client_info()
        .map(ClientInfo::parse)
        .unwrap_or_default();
    let principal = request.origin.principal.clone();
    let session = Sessions::begin(revision, declared, client, principal)
        .map_err(|error| RpcError::internal(format!("No session could be opened: {error}")))?;
    request.core.sessions.expect_initialized(&session);
    let capabilities = capabilities(&request.core, revision.features());
    Ok(MethodRun::Ready(Outcome::Initialized(
        capabilities,
        session,
    )))
}

/// Returns the supported revisions and the capabilities of the server.
pub(super) fn discover(request: &Request) -> Outcome {
    Outcome::Discovered(capabilities(&request.core, request.caller.features))
}
