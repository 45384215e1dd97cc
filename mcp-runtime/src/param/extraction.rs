//! The value of a parameter, available at once or after a wait.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::ToolError;

/// The value of a parameter, or the future of it: the result of [`Param::extract`](crate::Param::extract).
///
/// ```
/// use mcp_runtime::{Call, Description, Extraction, Param};
///
/// /// A connection of a pool.
/// struct Connection;
///
/// impl<'c> Param<'c> for Connection {
///     fn describe(_: &mut Description<'_>) {}
///
///     fn extract(_: &'c Call, _: usize) -> Extraction<'c, Self> {
///         Extraction::wait(async {
///             tokio::task::yield_now().await; // for a free connection
///             Ok(Self)
///         })
///     }
/// }
/// ```
pub struct Extraction<'c, T>(State<'c, T>);

enum State<'c, T> {
    /// `None` after the value was taken.
    Ready(Option<Result<T, ToolError>>),
    Waiting(Pin<Box<dyn Future<Output = Result<T, ToolError>> + Send + 'c>>),
}

// No reference to a pinned value is ever made.
impl<T> Unpin for Extraction<'_, T> {}

impl<'c, T> Extraction<'c, T> {
    /// Returns a value that is available at once.
    pub fn ready(result: Result<T, ToolError>) -> Self {
        Self(State::Ready(Some(result)))
    }

    /// Returns the value that a future resolves to, such as a connection of a pool. The future is dropped if the call is
    /// cancelled.
    pub fn wait(future: impl Future<Output = Result<T, ToolError>> + Send + 'c) -> Self {
        Self(State::Waiting(Box::pin(future)))
    }
}

impl<T> Extraction<'_, T> {
    /// Returns the value if it is available at once.
    pub(crate) fn into_ready(self) -> Result<Result<T, ToolError>, Self> {
        match self.0 {
            State::Ready(Some(result)) => Ok(result),
            state => Err(Self(state)),
        }
    }
}

impl<T> Future for Extraction<'_, T> {
    type Output = Result<T, ToolError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(result) => result.take().map_or(Poll::Pending, Poll::Ready),
            State::Waiting(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for Extraction<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            State::Ready(_) => "Extraction::ready(..)",
            State::Waiting(_) => "Extraction::wait(..)",
        })
    }
}
