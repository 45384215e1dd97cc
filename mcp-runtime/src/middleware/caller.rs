//! The identity of a caller, for data that belongs to one caller.

use crate::context::Context;
use crate::owner::Owner;

/// The identity of a caller: its owner, and its connection if nothing else identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallerId {
    pub(super) owner: Owner,
    connection: Option<u64>,
}

impl CallerId {
    pub(super) fn of(context: &Context) -> Self {
        let call = context.call_context();
        let session = call.caller.session.as_ref().map(|session| session.nonce);
        let owner = call.origin.owner(session);
        let connection = match owner {
            Owner::Local => call.origin.connection,
            Owner::Principal(_) | Owner::Session(_) | Owner::Peer(_) => None,
        };
        Self { owner, connection }
    }

    /// Returns a text that no other caller has, or `None` if only an address is known, which several callers can have.
    pub(super) fn unique(&self) -> Option<String> {
        match (&self.owner, self.connection) {
            (Owner::Peer(_), _) | (Owner::Local, None) => None,
            (Owner::Principal(principal), _) => Some(principal.key()),
            (owner, None) => Some(owner.to_string()),
            (owner, Some(connection)) => Some(format!("{owner} {connection}")),
        }
    }
}
