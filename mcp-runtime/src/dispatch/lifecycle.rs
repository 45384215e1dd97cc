//! `initialize` and `server/discover`: what the server says of itself.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/discover> and
//! <https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle>.

use serde_json::{Map, Value, json};

use super::serving::Running;
use super::{Core, Request};
use crate::content::Icon;
use crate::outcome::Outcome;
use crate::protocol::Revision;
use crate::protocol::cache::Cache;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Features;
use crate::session::Sessions;

/// The extension by which tools have interfaces, MCP Apps.
const INTERFACES: &str = "io.modelcontextprotocol/ui";

/// What the server says of itself.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(super) instructions: Option<String>,
    /// What it says of caching its lists, and of reads that say nothing themselves.
    pub(crate) cache: Option<Cache>,
    extensions: Map<String, Value>,
    /// Name and version as JSON, in the words of each revision.
    info: [String; Revision::COUNT],
    /// The same with icons, which are too long to be in every result.
    introduction: [String; Revision::COUNT],
}

/// What a server is told to say of itself.
#[derive(Default)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) title: Option<String>,
    pub(crate) website: Option<String>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) instructions: Option<String>,
    pub(crate) extensions: Map<String, Value>,
    pub(crate) cache: Option<Cache>,
}

impl Identity {
    pub(crate) fn new(about: About) -> Self {
        Self {
            info: Revision::ALL.map(|revision| info(&about, revision.features()).to_string()),
            introduction: Revision::ALL
                .map(|revision| introduction(&about, revision.features()).to_string()),
            instructions: about.instructions,
            cache: about.cache,
            extensions: about.extensions,
        }
    }

    pub(super) fn info(&self, features: &Features) -> &str {
        &self.info[features.revision.index()]
    }

    pub(super) fn introduction(&self, features: &Features) -> &str {
        &self.introduction[features.revision.index()]
    }
}

fn info(about: &About, features: &Features) -> Value {
    let mut info = json!({ "name": about.name, "version": about.version });
    if let Some(title) = about.title.as_ref().filter(|_| features.titles_and_meta) {
        info["title"] = title.as_str().into();
    }
    if let Some(website) = about.website.as_ref().filter(|_| features.website) {
        info["websiteUrl"] = website.as_str().into();
    }
    info
}

fn introduction(about: &About, features: &Features) -> Value {
    let mut info = info(about, features);
    if features.icons && !about.icons.is_empty() {
        info["icons"] = json!(about.icons);
    }
    info
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
pub(super) fn initialize(request: Request) -> Result<Running, RpcError> {
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
    Ok(Running::Ready(Outcome::Initialized(capabilities, session)))
}

/// Says what the server speaks and can do.
pub(super) fn discover(request: &Request) -> Outcome {
    Outcome::Discovered(capabilities(&request.core, request.caller.features))
}
