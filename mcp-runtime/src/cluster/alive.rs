//! Which replicas are alive: each of them says so in the store, again and again.

use std::time::Duration;

use tokio::time::sleep;

use super::error::ClusterError;
use super::{Cluster, contained};
use crate::store::StoreEntry;

/// The time for which a replica counts as alive after it has said so.
const ALIVE: Duration = Duration::from_secs(10);

/// The time after which a replica says it again, also after a failure of the store.
const INTERVAL: Duration = Duration::from_secs(3);
const AFTER_FAILURE: Duration = Duration::from_secs(1);

const VALUE: &[u8] = b"alive";

impl Cluster {
    /// Says that this replica is alive.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(super) async fn say_alive(&self) -> Result<(), ClusterError> {
        let (key, entry) = (key(&self.replica), StoreEntry::new(VALUE, ALIVE));
        let renewed = entry.clone();
        if !contained(|| self.store.replace(&key, VALUE, renewed)).await? {
            contained(|| self.store.put_if_absent(&key, entry)).await?;
        }
        Ok(())
    }

    /// Says that this replica is alive, until the server is gone.
    pub(super) async fn stay_alive(&self) {
        while self.has_members() {
            match self.say_alive().await {
                Ok(()) => sleep(INTERVAL).await,
                Err(error) => {
                    tracing::debug!(%error, "the other replicas may not know that this one is alive");
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Says that this replica has ended. If the store fails, the others learn it a little later.
    pub(super) async fn say_ended(&self) {
        let key = key(&self.replica);
        if let Err(error) = contained(|| self.store.remove(&key)).await {
            tracing::debug!(%error, "the other replicas learn later that this one has ended");
        }
    }

    /// Returns `true` if a replica is alive. One that cannot reach the store does not seem to be.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    #[cfg(feature = "http")]
    pub(crate) async fn is_alive(&self, replica: &str) -> Result<bool, ClusterError> {
        let key = key(replica);
        Ok(contained(|| self.store.get(&key)).await?.is_some())
    }
}

fn key(replica: &str) -> String {
    format!("replica-{replica}")
}
