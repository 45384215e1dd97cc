//! The caller of a request and its era, from the request itself (modern) or from the earlier handshake (legacy).
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>.

use std::sync::Arc;

use super::headers;
use crate::call::Caller;
use crate::protocol::Revision;
use crate::protocol::capability::ClientCapabilities;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::protocol::params::Meta;
use crate::service::Exchange;
use crate::session::Session;

/// The methods that are served before the handshake.
const BEFORE_HANDSHAKE: [&str; 2] = ["initialize", "ping"];

/// Determines the caller of a request and the revision that it speaks.
///
/// # Errors
/// Returns an error if the request or its HTTP headers violate the rules of its era.
pub(super) fn classify(exchange: &Exchange) -> Result<Caller, RpcError> {
    let params = exchange.message.params()?;
    headers::check(exchange)?;
    let meta = params.meta();
    let mut caller = match &exchange.session {
        _ if meta.is_stateless() => stateless(&meta)?,
        Some(session) => caller_of(session),
        None => sessionless(exchange)?,
    };
    caller.progress_token = meta.progress_token()?.map(Into::into);
    if caller.features.stateless {
        caller.log_level = meta.log_level()?;
    }
    Ok(caller)
}

/// Returns the client of a session.
pub(super) fn caller_of(session: &Session) -> Caller {
    Caller {
        capabilities: session.capabilities,
        session: Some(Arc::clone(session)),
        ..caller(session.revision)
    }
}

/// Returns a caller of which only the revision is known.
fn caller(revision: Revision) -> Caller {
    Caller {
        features: revision.features(),
        capabilities: ClientCapabilities::default(),
        session: None,
        progress_token: None,
        log_level: None,
    }
}

/// Returns the caller of a stateless message, whose headers were checked before.
pub(super) fn of_stateless(message: &Message) -> Result<Caller, RpcError> {
    stateless(&message.params()?.meta())
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
        capabilities: ClientCapabilities::parse(capabilities).ok_or_else(|| {
            RpcError::missing_metadata(format!(
                "{key} must be an object, and each capability in it an object"
            ))
        })?,
        ..caller(revision)
    })
}

/// Returns the caller of a legacy request that belongs to no session.
///
/// Over HTTP such a request is served if it needs no session, because it is indistinguishable from a request of a client
/// without a handshake. Any other connection starts with its own handshake.
fn sessionless(exchange: &Exchange) -> Result<Caller, RpcError> {
    match exchange.origin.http_headers() {
        Some(headers) => Ok(caller(headers::legacy_revision(headers))),
        None if BEFORE_HANDSHAKE.contains(&exchange.message.method()) => {
            Ok(caller(Revision::LATEST_LEGACY))
        }
        None => Err(no_handshake()),
    }
}

/// Returns the error for a request without `_meta` and without an earlier handshake.
fn no_handshake() -> RpcError {
    RpcError::missing_metadata(format!(
        "This request belongs to no session and describes no client. Either put \
         `io.modelcontextprotocol/protocolVersion` (\"{}\") and `io.modelcontextprotocol/clientCapabilities` \
         into its `params._meta`, or send `initialize` first",
        Revision::LATEST.name()
    ))
}
