//! The tokens that were revoked at any replica. Each is one value of the store.

use std::time::Duration;

use super::{Cluster, ClusterError, contained};
use crate::store::StoreEntry;

/// The value of a revoked token. Its key says which token it is.
const REVOKED: &[u8] = b"revoked";

impl Cluster {
    /// Stores that a token was revoked, from now on for this time.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn revoke(&self, token: &str, time: Duration) -> Result<(), ClusterError> {
        let (key, entry) = (stored(token), StoreEntry::new(REVOKED, time));
        let renewed = entry.clone();
        if !contained(|| self.store.replace(&key, REVOKED, renewed)).await? {
            contained(|| self.store.put_if_absent(&key, entry)).await?;
        }
        Ok(())
    }

    /// Returns `true` if a token was revoked.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn is_revoked(&self, token: &str) -> Result<bool, ClusterError> {
        let key = stored(token);
        Ok(contained(|| self.store.get(&key)).await?.is_some())
    }
}

fn stored(token: &str) -> String {
    format!("revoked-{token}")
}
