//! The tokens that were revoked at any replica. Each is one value of the store.

use std::time::Duration;

use super::{Cluster, ClusterError};

/// The value of a revoked token. Its key says which token it is.
const REVOKED: &[u8] = b"revoked";

impl Cluster {
    /// Stores that a token was revoked, from now on for this time.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn revoke(&self, token: &str, time: Duration) -> Result<(), ClusterError> {
        let put = self.put(&stored(token), REVOKED, time).await;
        put.map_err(|error| ClusterError::store(&*error))
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
