//! What the replicas of a server share, in a [`Store`].

mod effect;
mod keys;

use std::fmt;
use std::sync::{Arc, OnceLock};

pub(crate) use effect::{Claim, ClaimError, EffectLease, SharedEffect};
pub(crate) use keys::{KeyRing, KeyRingError, READ_INTERVAL};

use crate::seal::{SealError, random_bytes};
use crate::store::Store;

/// One replica among those that share a store.
pub(crate) struct Cluster {
    store: Arc<dyn Store>,
    /// The id of this replica: 16 hexadecimal digits that no other process has.
    replica: String,
    /// The keys that all replicas have, once they are read.
    keys: OnceLock<Arc<KeyRing>>,
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
            keys: OnceLock::new(),
        }))
    }

    /// Returns the store that all replicas have.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Reads the keys that all replicas have, or makes the first one. `configured` are those of the application.
    ///
    /// # Errors
    /// Returns an error if the keys cannot be read.
    pub(crate) async fn load_keys(
        &self,
        configured: Vec<[u8; 32]>,
    ) -> Result<Arc<KeyRing>, KeyRingError> {
        let keys = Arc::new(KeyRing::load(Arc::clone(&self.store), configured).await?);
        Ok(Arc::clone(self.keys.get_or_init(|| keys)))
    }

    /// Returns the keys that all replicas have, once they are read.
    pub(crate) fn keys(&self) -> Option<&Arc<KeyRing>> {
        self.keys.get()
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
