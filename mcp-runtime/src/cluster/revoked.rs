//! The tokens that were revoked at any replica. Each is one value of the store.

use std::time::Duration;

use super::{Cluster, ClusterError};
use crate::store::StoreEntry;

/// The value of a revoked token. Its key says which token it is.
const REVOKED: &[u8] = b"revoked";

impl Cluster {
    /// Stores that a token was revoked, from now on for this time.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn revoke(&self, token: &str, time: Duration) -> Result<(), ClusterError> {
        let key = stored(token);
        let entry = StoreEntry::new(REVOKED, time);
        let put = async {
            if !self.store.replace(&key, REVOKED, entry.clone()).await? {
                self.store.put_if_absent(&key, entry).await?;
            }
            Ok(())
        };
        put.await
            .map_err(|error: Box<dyn std::error::Error + Send + Sync>| ClusterError::store(&*error))
    }

    /// Returns `true` if a token was revoked.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn is_revoked(&self, token: &str) -> Result<bool, ClusterError> {
        let found = self.store.get(&stored(token)).await;
        let found = found.map_err(|error| ClusterError::store(&*error))?;
        Ok(found.is_some())
    }
}

fn stored(token: &str) -> String {
    format!("revoked-{token}")
}
