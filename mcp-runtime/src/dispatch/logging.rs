//! `logging/setLevel`: which log messages the client of a legacy session wants.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging>. A stateless request says
//! it itself.

use super::{Core, reply};
use crate::protocol::error::RpcError;
use crate::protocol::params::Params;
use crate::protocol::{Id, LogLevel};
use crate::service::Reply;
use crate::session::Session;

/// What a session wants that has said nothing.
const DEFAULT: LogLevel = LogLevel::Info;

/// The lowest level that a session wants.
pub(super) fn level_of(core: &Core, session: &Session) -> LogLevel {
    let level = core.sessions.log_levels.read(session, |level| *level);
    level.flatten().unwrap_or(DEFAULT)
}

pub(super) fn set_level(
    core: &Core,
    id: &Id,
    session: Option<&Session>,
    params: &Params<'_>,
) -> Result<Reply, RpcError> {
    let level = params.level()?;
    if let Some(session) = session {
        core.sessions
            .log_levels
            .change(session, |known| *known = Some(level));
    }
    Ok(reply::empty(id))
}
