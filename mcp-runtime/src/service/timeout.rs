//! The time limits of calls.

use std::time::Duration;

/// The longest time that progress extends a call to, unless [`Timeout::at_most`] sets another.
const LONGEST: Duration = Duration::from_secs(600);

/// The time limit of a call, for [`Server::timeout`](crate::Server::timeout) and `#[tool(timeout = ..)]`.
///
/// A call ends when it has reported no progress for the limit, or when it has run for the longest time in total. A call that
/// reports no progress therefore ends after the limit. A [`Duration`] converts into a limit with the default longest time.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{Timeout, prelude::*};
///
/// /// Build the project. Each step is progress.
/// #[tool(timeout = Timeout::new(Duration::from_secs(60)).at_most(Duration::from_secs(3600)))]
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
    pub(crate) limit: Duration,
    pub(crate) longest: Duration,
}

impl Timeout {
    /// No time limit.
    pub const NONE: Self = Self {
        limit: Duration::MAX,
        longest: Duration::MAX,
    };

    /// Creates a time limit that progress extends, up to 10 minutes in total or to the limit, whichever is longer.
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            longest: limit.max(LONGEST),
        }
    }

    /// Sets the longest time of a call, however much progress it reports. With the limit itself, progress extends nothing.
    pub fn at_most(mut self, longest: Duration) -> Self {
        self.limit = self.limit.min(longest);
        self.longest = longest;
        self
    }
}

/// 60 seconds without progress, and 10 minutes in total.
impl Default for Timeout {
    fn default() -> Self {
        Self::new(Duration::from_secs(60))
    }
}

impl From<Duration> for Timeout {
    fn from(limit: Duration) -> Self {
        Self::new(limit)
    }
}
