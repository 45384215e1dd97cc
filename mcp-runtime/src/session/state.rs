//! The state of a session, and the leases of values that are stored for it.

use std::sync::Arc;

use crate::cluster::SessionKey;
use crate::owner::{Owner, Principal};
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::store::Lease;

/// The maximum number of sessions in each store: of ended sessions, of subscriptions, and of log levels. Entries are kept
/// until their sessions expire.
pub(super) const REMEMBERED: usize = 10_000;

/// The memory overhead of one entry, in bytes.
pub(super) const OVERHEAD: usize = 100;

/// The state of a session, shared by all its requests.
pub(crate) type Session = Arc<SessionState>;

/// The state of a session, as negotiated by `initialize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionState {
    /// The unique identifier of the session.
    pub(crate) nonce: [u8; 16],
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client: ClientInfo,
    /// The caller that opened the session. For all others it is unknown.
    pub(crate) principal: Option<Principal>,
    /// The expiry time of the session, in seconds since 1970.
    pub(crate) expires: u64,
}

impl SessionState {
    /// Returns an id that can be logged. It is not the token that clients send.
    pub(crate) fn id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.nonce))
    }

    /// Returns what replicas call the session.
    pub(crate) fn shared_key(&self) -> SessionKey {
        SessionKey {
            nonce: self.nonce,
            expires: self.expires,
        }
    }

    /// Returns a session of another replica, of which no more is known than this.
    pub(crate) fn elsewhere(key: SessionKey) -> Self {
        Self {
            nonce: key.nonce,
            revision: Revision::negotiate(""),
            capabilities: ClientCapabilities::default(),
            client: ClientInfo::default(),
            principal: None,
            expires: key.expires,
        }
    }

    /// Returns a lease for a value of the session, which expires with the session. The memory is attributed to the account of
    /// the client, which can have any number of sessions.
    pub(super) fn lease(&self, account: Owner, bytes: usize) -> Lease {
        Lease {
            owner: account,
            expires: self.expires.saturating_mul(1000),
            bytes,
        }
    }
}
