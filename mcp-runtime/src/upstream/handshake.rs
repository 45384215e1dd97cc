//! What a server speaks: `server/discover` and `initialize`.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::connection::Connection;
use super::message::ErrorReply;
use super::request::Request;
use super::slot::{Opened, ServerInfo, Slot};
use super::transport::SendError;
use crate::protocol::capability::ClientCapabilities;
use crate::protocol::error::UNSUPPORTED_VERSION;
use crate::protocol::{LogLevel, Revision};
use crate::secret::Secret;

/// The time that a server has to answer `server/discover`. Some older servers do not answer unknown requests at all.
const DISCOVER_LIMIT: Duration = Duration::from_secs(5);

/// The result of `server/discover`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    #[serde(default)]
    supported_versions: Vec<String>,
    #[serde(default)]
    capabilities: Value,
    instructions: Option<String>,
}

/// The result of `initialize`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
    #[serde(default)]
    capabilities: Value,
    instructions: Option<String>,
}

/// Asks a modern server what it is.
pub(super) async fn discover(
    slot: &Slot,
    connection: &Arc<Connection>,
    authorization: Option<Secret<String>>,
) -> Result<ServerInfo, Discovery> {
    let features = Revision::LATEST.features();
    let mut request = Request::new("server/discover");
    request.revision = Some(features.name);
    request.meta = modern_meta(slot.capabilities, None);
    request.authorization = authorization;
    let reply = timeout(DISCOVER_LIMIT, connection.start(request, None).reply());
    let result = match reply.await {
        Ok(Err(error @ SendError::Status(401 | 403 | 429 | 500.., _))) => {
            return Err(Discovery::Ended(error.to_string()));
        }
        Err(_) | Ok(Err(SendError::Status(..) | SendError::NoSession)) => {
            return Err(Discovery::Legacy);
        }
        Ok(Err(error)) => return Err(Discovery::Ended(error.to_string())),
        Ok(Ok(Err(error))) => return Err(error.into()),
        Ok(Ok(Ok(result))) => result,
    };
    let found: Discovered = serde_json::from_str(&result)
        .map_err(|error| Discovery::Ended(format!("its introduction is invalid: {error}")))?;
    if !found
        .supported_versions
        .iter()
        .any(|it| it == features.name)
    {
        return Err(Discovery::Legacy);
    }
    let negotiated = connection.negotiated(features).await;
    negotiated.map_err(|error| Discovery::Ended(error.to_string()))?;
    Ok(ServerInfo {
        instructions: found.instructions,
        capabilities: found.capabilities,
        ..ServerInfo::default()
    })
}

/// Makes the handshake with a server of an older revision.
pub(super) async fn initialize(
    slot: &Slot,
    revision: Revision,
    connection: Arc<Connection>,
    authorization: Option<Secret<String>>,
) -> Result<Opened, String> {
    let capabilities = slot
        .capabilities
        .declared(|it| revision.features().knows(it));
    let mut request = Request::new("initialize")
        .param("protocolVersion", &json!(revision.name()).to_string())
        .param("capabilities", &capabilities.to_string())
        .param("clientInfo", &client_info());
    request.authorization = authorization;
    let reply = connection.start(request, None).reply().await;
    let result = reply
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("it refuses the handshake: {}", error.message))?;
    let it: Initialized = serde_json::from_str(&result)
        .map_err(|error| format!("its introduction is invalid: {error}"))?;
    let revision = Revision::from_name(&it.protocol_version);
    let revision = revision.filter(|revision| !revision.features().stateless);
    let features = revision
        .ok_or_else(|| {
            format!(
                "it speaks `{}`, which is not supported",
                it.protocol_version
            )
        })?
        .features();
    let negotiated = connection.negotiated(features).await;
    negotiated.map_err(|error| error.to_string())?;
    Ok(Opened::new(
        connection,
        ServerInfo {
            instructions: it.instructions,
            capabilities: it.capabilities,
            ..ServerInfo::default()
        },
    ))
}

/// Returns the members of `_meta` of a modern request, each followed by a comma.
pub(super) fn modern_meta(capabilities: ClientCapabilities, level: Option<LogLevel>) -> String {
    let mut meta = common_meta(capabilities).to_owned();
    if let Some(level) = level {
        push_level(&mut meta, level);
    }
    meta
}

/// Adds the member of `_meta` that asks for log messages, followed by a comma.
pub(super) fn push_level(meta: &mut String, level: LogLevel) {
    let level = json!(level);
    let _ = write!(meta, "\"io.modelcontextprotocol/logLevel\":{level},");
}

/// Returns the members of `_meta` that all modern requests of a client with these capabilities have, each followed by a comma.
pub(super) fn common_meta(capabilities: ClientCapabilities) -> &'static str {
    // One text for each set of capabilities, because each call needs one.
    static TEXTS: [OnceLock<String>; 32] = [const { OnceLock::new() }; 32];
    let all = [
        capabilities.roots,
        capabilities.sampling,
        capabilities.elicitation_form,
        capabilities.elicitation_url,
        capabilities.apps,
    ];
    let index = all
        .iter()
        .fold(0, |index, has| index * 2 + usize::from(*has));
    TEXTS[index].get_or_init(|| {
        let features = Revision::LATEST.features();
        format!(
            "\"io.modelcontextprotocol/protocolVersion\":\"{}\",\"io.modelcontextprotocol/clientInfo\":{},\
             \"io.modelcontextprotocol/clientCapabilities\":{},",
            features.name,
            client_info(),
            capabilities.declared(|it| features.knows(it))
        )
    })
}

/// Returns what this client says about itself.
fn client_info() -> String {
    json!({ "name": "mcp-runtime", "version": env!("CARGO_PKG_VERSION") }).to_string()
}

/// Why a server has not answered `server/discover`.
pub(super) enum Discovery {
    /// It answers, but does not speak a revision without a handshake.
    Legacy,
    /// The connection is of no use any more.
    Ended(String),
}

impl From<ErrorReply> for Discovery {
    fn from(error: ErrorReply) -> Self {
        let supported = error.data.as_ref().map(|data| &data["supported"]);
        let is_modern = error.code == i64::from(UNSUPPORTED_VERSION)
            && supported.and_then(Value::as_array).is_some_and(|all| {
                !all.iter().filter_map(Value::as_str).any(|name| {
                    Revision::from_name(name).is_some_and(|it| !it.features().stateless)
                })
            });
        if is_modern {
            Self::Ended(format!("it speaks other revisions: {}", error.message))
        } else {
            Self::Legacy
        }
    }
}
