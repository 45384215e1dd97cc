//! Who asks and in which era: from the request itself (modern) or from the handshake before it (legacy).
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>.

use super::Core;
use super::logging;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::error::RpcError;
use crate::protocol::params::Meta;
use crate::protocol::revision::Features;
use crate::protocol::{LogLevel, Revision};
use crate::service::Exchange;

/// Who asks.
pub(super) struct Caller {
    pub(super) features: &'static Features,
    pub(super) capabilities: ClientCapabilities,
    pub(super) client: ClientInfo,
    /// The token for progress, as JSON.
    pub(super) progress_token: Option<String>,
    /// The lowest level of the log messages that are wanted.
    pub(super) log_level: Option<LogLevel>,
}

/// How a request begins.
pub(super) enum Opening {
    /// With all that is needed to serve it.
    Caller(Caller),
    /// As the handshake.
    Initialize,
    /// As a ping, which is answered also before the handshake.
    Ping,
}

/// What a request without `_meta` and without a handshake before it is told.
fn unopened() -> RpcError {
    RpcError::missing_metadata(format!(
        "This request belongs to no session and describes no client. Either put \
         `io.modelcontextprotocol/protocolVersion` (\"{}\") and `io.modelcontextprotocol/clientCapabilities` \
         into its `params._meta`, or send `initialize` first",
        Revision::LATEST.name()
    ))
}

/// Tells who asks.
pub(super) fn open(core: &Core, exchange: &Exchange, meta: &Meta<'_>) -> Result<Opening, RpcError> {
    if meta.is_stateless() {
        return stateless(meta).map(Opening::Caller);
    }
    match (exchange.message.method(), &exchange.session) {
        ("initialize", _) => Ok(Opening::Initialize),
        (_, Some(session)) => Ok(Opening::Caller(Caller {
            features: session.revision.features(),
            capabilities: session.capabilities,
            client: session.client.clone(),
            progress_token: meta.progress_token()?.map(str::to_owned),
            log_level: Some(logging::level_of(core, session)),
        })),
        ("ping", None) => Ok(Opening::Ping),
        (_, None) => Err(unopened()),
    }
}

fn stateless(meta: &Meta<'_>) -> Result<Caller, RpcError> {
    let version = meta.protocol_version()?;
    let revision = Revision::stateless(&version)
        .ok_or_else(|| RpcError::unsupported_version(&version, &Revision::stateless_names()))?;
    let key = "_meta[\"io.modelcontextprotocol/clientCapabilities\"]";
    let capabilities = meta.capabilities().ok_or_else(|| {
        RpcError::missing_metadata(format!("{key} is missing: send `{{}}` if there are none"))
    })?;
    Ok(Caller {
        features: revision.features(),
        capabilities: ClientCapabilities::parse(capabilities)
            .ok_or_else(|| RpcError::missing_metadata(format!("{key} must be an object")))?,
        client: meta
            .client_info()
            .map(ClientInfo::parse)
            .unwrap_or_default(),
        progress_token: meta.progress_token()?.map(str::to_owned),
        log_level: meta.log_level()?,
    })
}
