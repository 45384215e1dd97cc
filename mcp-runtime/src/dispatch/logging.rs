//! `logging/setLevel`: which log messages the client of a legacy session wants.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging>. A stateless request says
//! it itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Core, reply};
use crate::protocol::error::RpcError;
use crate::protocol::params::Params;
use crate::protocol::{Id, LogLevel};
use crate::service::{Negotiated, Reply, Session};

/// How many sessions' levels are remembered. With more, the one that was set first is back at the default.
const REMEMBERED: usize = 10_000;

/// What a session wants that has said nothing.
const DEFAULT: LogLevel = LogLevel::Info;

/// The levels that sessions have set. They are memory, and lost when the server is started again.
#[derive(Default)]
pub(super) struct Levels(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    levels: HashMap<[u8; 16], LogLevel>,
    /// The same sessions, the one that was set first in front.
    order: VecDeque<[u8; 16]>,
}

impl Levels {
    /// The lowest level that a session wants.
    pub(super) fn of(&self, session: &Negotiated) -> LogLevel {
        let level = self.lock().levels.get(&session.nonce).copied();
        level.unwrap_or(DEFAULT)
    }

    fn set(&self, session: &Negotiated, level: LogLevel) {
        let mut remembered = self.lock();
        let Remembered { levels, order } = &mut *remembered;
        if levels.insert(session.nonce, level).is_some() {
            return;
        }
        order.push_back(session.nonce);
        if order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            levels.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn set_level(
    core: &Core,
    id: &Id,
    session: Option<&Session>,
    params: &Params<'_>,
) -> Result<Reply, RpcError> {
    let level = params.level()?;
    if let Some(session) = session {
        core.levels.set(session, level);
    }
    Ok(reply::empty(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Revision;
    use crate::protocol::capability::{ClientCapabilities, ClientInfo};

    fn session(number: usize) -> Negotiated {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        Negotiated {
            nonce,
            revision: Revision::LATEST_LEGACY,
            capabilities: ClientCapabilities::default(),
            client: ClientInfo::default(),
            expires: 0,
        }
    }

    #[test]
    fn each_session_has_a_level_of_its_own() {
        let levels = Levels::default();
        levels.set(&session(1), LogLevel::Error);
        levels.set(&session(1), LogLevel::Debug);
        assert_eq!(levels.of(&session(1)), LogLevel::Debug);
        assert_eq!(levels.of(&session(2)), DEFAULT);
    }

    #[test]
    fn the_oldest_level_makes_room() {
        let levels = Levels::default();
        for number in 0..=REMEMBERED {
            levels.set(&session(number), LogLevel::Error);
        }
        assert_eq!(levels.of(&session(0)), DEFAULT);
        assert_eq!(levels.of(&session(1)), LogLevel::Error);
        assert_eq!(levels.of(&session(REMEMBERED)), LogLevel::Error);
        let remembered = levels.lock();
        assert_eq!(remembered.levels.len(), REMEMBERED);
        assert_eq!(remembered.order.len(), REMEMBERED);
    }
}
