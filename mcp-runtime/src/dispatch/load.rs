//! How many requests are served at once, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::protocol::error::RpcError;

pub(super) struct Load {
    running: AtomicUsize,
    limit: usize,
}

/// A request's place. It is free again when this is dropped.
pub(super) struct Place(Arc<Load>);

impl Load {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            running: AtomicUsize::new(0),
            limit,
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place, RpcError> {
        let place = Place(Arc::clone(self));
        if self.running.fetch_add(1, Ordering::AcqRel) < self.limit {
            return Ok(place);
        }
        Err(RpcError::overloaded(format!(
            "The server is busy: {} requests are in flight, which is its limit; try again later",
            self.limit
        )))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
