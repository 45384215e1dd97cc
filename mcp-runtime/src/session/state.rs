//! A session, and on what terms things are remembered of it.

use std::sync::Arc;

use crate::owner::Owner;
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::store::Lease;

/// Of how many sessions each of these is remembered until they expire: that they were ended, their subscriptions, and
/// their levels of log messages.
pub(super) const REMEMBERED: usize = 10_000;

/// What it takes to remember anything, in bytes.
pub(super) const OVERHEAD: usize = 100;

/// What `initialize` negotiated, shared by all requests of the session.
pub(crate) type Session = Arc<SessionState>;

/// What `initialize` negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionState {
    /// Tells the session from every other one.
    pub(crate) nonce: [u8; 16],
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client: ClientInfo,
    /// Seconds since 1970 after which the session is over.
    pub(crate) expires: u64,
}

impl SessionState {
    /// Returns whose memory it is that the session takes up.
    pub(crate) fn owner(&self) -> Owner {
        Owner::Session(self.nonce)
    }

    /// Returns on what terms something of the session is remembered: as long as it lives.
    pub(super) fn lease(&self, bytes: usize) -> Lease {
        Lease {
            owner: self.owner(),
            expires: self.expires.saturating_mul(1000),
            bytes,
        }
    }
}
