//! The error of what needs the other replicas.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The reason why replicas could not be told or asked something.
#[derive(Debug, Clone)]
pub(crate) struct ClusterError(Arc<str>);

impl ClusterError {
    pub(super) fn store(error: &(dyn Error + Send + Sync)) -> Self {
        Self(format!("the store of the replicas fails: {error}").into())
    }

    pub(super) fn panicked() -> Self {
        Self("the store of the replicas panicked".into())
    }

    #[cfg(feature = "http")]
    pub(super) fn full() -> Self {
        Self("too many events wait for the store of the replicas".into())
    }

    pub(super) fn contended() -> Self {
        Self("the session is being changed by other requests".into())
    }

    pub(super) fn late() -> Self {
        Self("the store of the replicas does not answer in time".into())
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for ClusterError {}
