//! The client of a request and its era: from the request itself (modern) or from the handshake before it (legacy).
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>.

use super::headers;
use crate::call::Caller;
use crate::protocol::Revision;
use crate::protocol::capability::ClientCapabilities;
use crate::protocol::error::RpcError;
use crate::protocol::params::Meta;
use crate::service::Exchange;

/// Methods that are served before a session is open.
const UNOPENED: [&str; 2] = ["initialize", "ping"];

/// Finds out who sent a request, and in which revision it speaks.
///
/// # Errors
/// The request or its HTTP headers break the rules of its era.
pub(super) fn classify(exchange: &Exchange) -> Result<Caller, RpcError> {
    let params = exchange.message.params()?;
    headers::check(exchange)?;
    let meta = params.meta();
    let mut caller = match &exchange.session {
        _ if meta.is_stateless() => stateless(&meta)?,
        Some(session) => Caller {
            capabilities: session.capabilities,
            session: Some(session.clone()),
            ..caller(session.revision)
        },
        None => sessionless(exchange)?,
    };
    caller.progress_token = meta.progress_token()?.map(Into::into);
    if caller.features.stateless {
        caller.log_level = meta.log_level()?;
    }
    Ok(caller)
}

/// Returns a client of which nothing but its revision is known.
fn caller(revision: Revision) -> Caller {
    Caller {
        features: revision.features(),
        capabilities: ClientCapabilities::default(),
        session: None,
        progress_token: None,
        log_level: None,
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
        capabilities: ClientCapabilities::parse(capabilities)
            .ok_or_else(|| RpcError::missing_metadata(format!("{key} must be an object")))?,
        ..caller(revision)
    })
}

/// Returns the client of a legacy request that belongs to no session.
///
/// Over HTTP it is served as far as it needs none, for it cannot be told from one of a client that has no handshake. A
/// connection has a handshake of its own.
fn sessionless(exchange: &Exchange) -> Result<Caller, RpcError> {
    match &exchange.origin.headers {
        Some(headers) => Ok(caller(headers::legacy_revision(&**headers))),
        None if UNOPENED.contains(&exchange.message.method()) => {
            Ok(caller(Revision::LATEST_LEGACY))
        }
        None => Err(unopened()),
    }
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
