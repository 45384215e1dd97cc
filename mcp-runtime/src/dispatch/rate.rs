//! The rate of the requests of each caller.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::protocol::error::RpcError;
use crate::rate::{RateLimit, Refused, seconds};
use crate::service::Origin;
use crate::session::Session;

/// The default limit of a remote caller: requests a second, and at once.
const DEFAULT_RATE: u32 = 200;
const DEFAULT_BURST: u32 = 1000;

/// The name under which replicas count all requests.
const SCOPE: &str = "requests";

/// The rate limit of all requests.
pub(crate) struct RequestRate {
    limit: RateLimit,
    counted: Counted,
}

/// The requests that a limit counts.
enum Counted {
    /// Those of remote callers.
    Remote,
    /// Those of local callers, too.
    All,
    /// All requests at all replicas.
    Replicas(Arc<Cluster>),
}

/// The reason why a request is not served at once.
pub(super) enum NotServed {
    Error(RpcError),
    /// This process has counted the request. The replicas must count it, too.
    Counting,
}

impl From<RpcError> for NotServed {
    fn from(error: RpcError) -> Self {
        Self::Error(error)
    }
}

impl RequestRate {
    /// Returns the limit of the application for all callers, or else the default limit of remote callers.
    pub(crate) fn new(set: Option<RateLimit>, cluster: Option<&Arc<Cluster>>) -> Self {
        let counted = match (&set, cluster) {
            (None, _) => Counted::Remote,
            (Some(limit), Some(cluster)) if !limit.is_unlimited() => {
                Counted::Replicas(Arc::clone(cluster))
            }
            (Some(_), _) => Counted::All,
        };
        Self {
            limit: set.unwrap_or_else(|| RateLimit::per_second(DEFAULT_RATE).burst(DEFAULT_BURST)),
            counted,
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// Returns an error if the limit of its owner is reached, or if the replicas must count it, too.
    #[inline]
    pub(super) fn count(
        &self,
        origin: &Origin,
        session: Option<&Session>,
    ) -> Result<(), NotServed> {
        match self.counted {
            Counted::Remote if !origin.is_remote() => Ok(()),
            Counted::Remote | Counted::All => self.count_here(origin, session),
            Counted::Replicas(_) => {
                self.count_here(origin, session)?;
                Err(NotServed::Counting)
            }
        }
    }

    /// Counts a request in this process.
    #[inline]
    fn count_here(&self, origin: &Origin, session: Option<&Session>) -> Result<(), NotServed> {
        let owner = origin.owner(session.map(|session| session.nonce));
        let counted = self.limit.count(&owner);
        counted.map_err(|wait| refusal(seconds(wait)).into())
    }

    /// Counts a message that is not a request. It counts for the account, which can have any number of sessions.
    ///
    /// # Errors
    /// Returns an error if the limit of the account is reached.
    #[cfg(feature = "http")]
    pub(super) fn count_message(&self, origin: &Origin) -> Result<(), RpcError> {
        if matches!(self.counted, Counted::Remote) && !origin.is_remote() {
            return Ok(());
        }
        let counted = self.limit.count(&origin.account());
        counted.map_err(|wait| refusal(seconds(wait)))
    }

    /// Counts a request together with those at other replicas.
    ///
    /// # Errors
    /// Returns an error if the limit of its owner is reached, or if the store fails.
    pub(super) async fn count_shared(
        &self,
        origin: &Origin,
        session: Option<&Session>,
    ) -> Result<(), RpcError> {
        let Counted::Replicas(cluster) = &self.counted else {
            return Ok(());
        };
        let owner = origin.owner(session.map(|session| session.nonce));
        let counted = self.limit.count_shared(&**cluster.store(), SCOPE, &owner);
        counted.await.map_err(|refused| match refused {
            Refused::Reached(wait) => refusal(seconds(wait)),
            Refused::Uncounted(error) => {
                tracing::error!(%error, "a request is refused: the store of the replicas failed to count it");
                RpcError::overloaded(
                    "The request cannot be counted, because the store of the replicas failed: try again later",
                )
            }
        })
    }
}

#[cold]
fn refusal(seconds: u64) -> RpcError {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    RpcError::rate_limited(
        format!("Too many requests: try again in {seconds} {unit}"),
        seconds,
    )
}
