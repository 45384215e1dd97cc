//! What the replicas of a server share, in a [`Store`].

mod effect;

use std::fmt;
use std::sync::Arc;

pub(crate) use effect::{Claim, ClaimError, EffectLease, SharedEffect};

use crate::seal::{SealError, random_bytes};
use crate::store::Store;

/// One replica among those that share a store.
pub(crate) struct Cluster {
    store: Arc<dyn Store>,
    /// The id of this replica: 16 hexadecimal digits that no other process has.
    replica: String,
}

impl Cluster {
    /// Returns a new replica.
    ///
    /// # Errors
    /// Returns an error if the system has no random bytes.
    pub(crate) fn new(store: Arc<dyn Store>) -> Result<Arc<Self>, SealError> {
        let bytes: [u8; 8] = random_bytes()?;
        Ok(Arc::new(Self {
            store,
            replica: format!("{:016x}", u64::from_be_bytes(bytes)),
        }))
    }

    /// Returns the store that all replicas have.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the id of this replica.
    pub(crate) fn replica(&self) -> &str {
        &self.replica
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
}
