//! The time limits of calls.

use std::time::Duration;

/// The time limit of a call, for [`Server::timeout`](crate::Server::timeout) and `#[tool(timeout = ..)]`.
///
/// A [`Duration`] converts into a fixed limit. Progress can extend a limit, so that a call goes on as long as it reports some.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{Timeout, prelude::*};
///
/// /// Build the project. Each step is progress.
/// #[tool(timeout = Timeout::new(Duration::from_secs(60)).extended_to(Duration::from_secs(3600)))]
/// async fn build(context: Context) {
///     context.progress(1.0, None, Some("configured"));
/// }
///
/// /// Wait until somebody pushes.
/// #[tool(timeout = Timeout::NONE)]
/// async fn wait_for_push() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// The time without progress.
    pub(crate) limit: Duration,
    /// The time in total.
    pub(crate) longest: Duration,
}

impl Timeout {
    /// No time limit.
    pub const NONE: Self = Self::new(Duration::MAX);

    /// Creates a fixed limit.
    pub const fn new(limit: Duration) -> Self {
        Self {
            limit,
            longest: limit,
        }
    }

    /// Lets progress extend the limit: the call ends when it has reported no progress for the limit, or when it has run for
    /// `longest` in total. Progress counts even if the client did not ask for it.
    pub fn extended_to(mut self, longest: Duration) -> Self {
        self.longest = longest.max(self.limit);
        self
    }
}

/// 60 seconds, which progress extends to 10 minutes.
impl Default for Timeout {
    fn default() -> Self {
        Self::new(Duration::from_secs(60)).extended_to(Duration::from_secs(600))
    }
}

impl From<Duration> for Timeout {
    fn from(limit: Duration) -> Self {
        Self::new(limit)
    }
}
