//! Which era a message belongs to: whether it describes itself or leans on a session.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>.

use hyper::header::HeaderMap;

use super::Endpoint;
use super::headers::{self, PROTOCOL_VERSION, SESSION_ID, single};
use super::reply::Refusal;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::{Id, Revision};
use crate::session::Session;

/// The era of a message.
pub(super) enum Era {
    /// It says itself all that is needed.
    Stateless,
    /// It opens a session.
    Handshake,
    /// It belongs to a session.
    Session(Session),
}

/// The id under which a message wants its answer.
pub(super) fn id(message: &Message) -> Option<&Id> {
    match message.kind() {
        Kind::Request(id) => Some(id),
        Kind::Notification | Kind::Response => None,
    }
}

impl Endpoint {
    /// Finds the era of a message and refuses it if its headers break the era's rules.
    pub(super) fn era(&self, headers: &HeaderMap, message: &Message) -> Result<Era, Refusal> {
        let id = id(message);
        let refuse = |error: RpcError| Refusal::bad_request(id, &error);
        let params = message.params();
        match &params {
            Ok(params) if params.meta().is_stateless() => {
                headers::agree(headers, message, params, &params.meta()).map_err(refuse)?;
                Ok(Era::Stateless)
            }
            params if says_stateless(headers) => match message.kind() {
                Kind::Request(_) if params.is_ok() => Err(refuse(RpcError::missing_metadata(
                    "MCP-Protocol-Version promises `_meta[\"io.modelcontextprotocol/protocolVersion\"]`, which \
                     is missing",
                ))),
                Kind::Response => Err(refuse(RpcError::invalid_request(
                    "Nothing was asked: clients send requests and notifications",
                ))),
                Kind::Request(_) | Kind::Notification => Ok(Era::Stateless),
            },
            // It cannot be read, so that nobody knows its era: dispatch says what is wrong with it.
            Err(_) if !headers.contains_key(&SESSION_ID) => Ok(Era::Stateless),
            _ => self.legacy(headers, message),
        }
    }

    fn legacy(&self, headers: &HeaderMap, message: &Message) -> Result<Era, Refusal> {
        let id = id(message);
        check_version(headers)
            .map_err(|message| Refusal::bad_request(id, &RpcError::invalid_request(message)))?;
        if id.is_some() && message.method() == "initialize" {
            return Ok(Era::Handshake);
        }
        self.session(headers, id).map(Era::Session)
    }
}

/// Whether the headers promise a message of the stateless era.
pub(super) fn says_stateless(headers: &HeaderMap) -> bool {
    single(headers, &PROTOCOL_VERSION)
        .ok()
        .flatten()
        .is_some_and(|name| Revision::stateless(name).is_some())
}

/// Whether the version of the header, if it is there, is one that we know. The session knows which one it is.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), String> {
    let version = single(headers, &PROTOCOL_VERSION)
        .map_err(|unreadable| unreadable.describe(&PROTOCOL_VERSION))?;
    match version {
        Some(name) if Revision::from_name(name).is_none() => {
            let known = Revision::ALL.map(Revision::name).join(", ");
            Err(format!(
                "MCP-Protocol-Version `{name}` is unknown; this server knows {known}"
            ))
        }
        _ => Ok(()),
    }
}
