//! The rate of the requests of each caller.

use crate::protocol::error::RpcError;
use crate::rate::{RateLimit, seconds};
use crate::service::Origin;
use crate::session::Session;

/// The default limit of a remote caller: requests a second, and at once.
const DEFAULT_RATE: u32 = 200;
const DEFAULT_BURST: u32 = 1000;

/// The rate limit of all requests.
pub(crate) struct RequestRate {
    limit: RateLimit,
    /// `true` if local callers are limited too.
    includes_local: bool,
}

impl RequestRate {
    /// Returns the limit of the application for all callers, or else the default limit of remote callers.
    pub(crate) fn new(set: Option<RateLimit>) -> Self {
        Self {
            includes_local: set.is_some(),
            limit: set.unwrap_or_else(|| RateLimit::per_second(DEFAULT_RATE).burst(DEFAULT_BURST)),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// Returns an error if the limit of its owner is reached.
    #[inline]
    pub(super) fn count(&self, origin: &Origin, session: Option<&Session>) -> Result<(), RpcError> {
        if self.includes_local || origin.is_remote() {
            let owner = origin.owner(session.map(|session| session.nonce));
            self.limit
                .count(&owner)
                .map_err(|wait| refusal(seconds(wait)))
        } else {
            Ok(())
        }
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
