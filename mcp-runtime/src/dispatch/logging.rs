//! `logging/setLevel`: the lowest level of log messages for the client of a legacy session.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging>. A stateless request contains
//! the level itself.

use std::sync::Arc;

use super::core::{Core, MethodRun, Request};
use super::shared_session::change_session;
use crate::cluster::Setting;
use crate::logs::warn_if_not_forwarded;
use crate::protocol::LogLevel;
use crate::protocol::error::RpcError;
use crate::session::Session;

/// The level of a session that has not set one.
const DEFAULT: LogLevel = LogLevel::Info;

/// Returns the lowest level that a session wants.
pub(super) fn level_of(core: &Core, session: &Session) -> LogLevel {
    core.sessions.log_level(session).unwrap_or(DEFAULT)
}

pub(super) fn set_level(request: Request) -> Result<MethodRun, RpcError> {
    let level = request.message.params()?.level()?;
    let session = request.session()?;
    warn_if_not_forwarded(&request.core.context);
    let account = request.origin.account();
    let (sessions, own) = (Arc::clone(&request.core.sessions), Arc::clone(session));
    change_session(&request, session, Setting::LogLevel(level), move || {
        let set = sessions.set_log_level(&own, account, level);
        set.map_err(|full| RpcError::overloaded(format!("The level cannot be stored: {full}")))
    })
}
