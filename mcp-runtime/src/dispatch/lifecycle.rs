//! `initialize` and `server/discover`: what the server says of itself.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/discover> and
//! <https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle>.

use serde_json::{Map, Value, json};

use super::core::{Core, MethodRun, Request};
use crate::outcome::Outcome;
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Features;
use crate::session::Sessions;

/// The extension by which tools have interfaces, MCP Apps.
const INTERFACES: &str = "io.modelcontextprotocol/ui";

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
    let mut can: Map<String, Value> = can
        .into_iter()
        .filter(|(_, can, _)| *can)
        .map(|(name, _, how)| (name.to_owned(), how))
        .collect();
    let extensions = extensions(core, snapshot.has_interfaces());
    if features.extensions && !extensions.is_empty() {
        can.insert("extensions".to_owned(), extensions.into());
    }
    can.into()
}

/// The extensions that the server was told of, and the one that its tools are in need of.
fn extensions(core: &Core, interfaces: bool) -> Map<String, Value> {
    let mut extensions = core.identity.extensions.clone();
    if interfaces {
        extensions.entry(INTERFACES).or_insert_with(|| json!({}));
    }
    extensions
}

/// Opens a legacy session.
pub(super) fn initialize(request: Request) -> Result<MethodRun, RpcError> {
    let params = request.message.params()?;
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
    request.core.sessions.greeted(&session);
    let capabilities = capabilities(&request.core, revision.features());
    Ok(MethodRun::Ready(Outcome::Initialized(
        capabilities,
        session,
    )))
}

/// Says what the server speaks and can do.
pub(super) fn discover(request: &Request) -> Outcome {
    Outcome::Discovered(capabilities(&request.core, request.caller.features))
}
