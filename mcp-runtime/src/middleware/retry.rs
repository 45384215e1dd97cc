//! Repeated runs of calls that failed.

use std::time::Duration;

use crate::layer::{CallOutcome, Layer, LayeredCall, Next};
use crate::opaque::opaque_debug;
use crate::seal::random_bytes;
use crate::service::BoxFuture;

/// The longest time between two runs.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// A layer that runs a failed call again, after a time that doubles with each run.
///
/// It repeats only the calls of tools that are annotated `idempotent` or `read_only`, and those of all other
/// components. A call is not repeated after a question to the client or after refused arguments, when the client has
/// cancelled it, or while the thread of a plain `fn` that exceeded its timeout still runs. A run that exceeded its
/// [timeout](crate::Timeout) is a failure, and the next one has the full time again.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{Retry, prelude::*};
///
/// /// Return the current temperature.
/// #[tool(read_only, layer = Retry::new(3).delay(Duration::from_millis(200)))]
/// async fn temperature(city: String) -> Result<f64, std::io::Error> {
///     Ok(21.5)
/// }
/// ```
#[derive(Clone)]
pub struct Retry {
    retries: u32,
    delay: Duration,
    when: fn(&CallOutcome) -> bool,
}

opaque_debug!(Retry, |it| retries: it.retries, delay: it.delay);

impl Retry {
    /// Creates a layer that runs a failed call up to this many times more. The first delay is 100 ms.
    pub fn new(retries: u32) -> Self {
        Self {
            retries,
            delay: Duration::from_millis(100),
            when: |_| true,
        }
    }

    /// Sets the time before the second run. It doubles with each further run, up to 30 s. Up to half of it is added at random,
    /// so that clients that failed together do not return together.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Repeats only calls with outcomes for which this is `true`, such as those with a certain [`CallOutcome::error`].
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::{Retry, prelude::*};
    /// use serde_json::json;
    ///
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    ///
    /// /// Fail: the first time with an error that may pass.
    /// #[tool(
    ///     read_only,
    ///     layer = Retry::new(9)
    ///         .delay(Duration::from_millis(1))
    ///         .when(|outcome| outcome.error().is_some_and(|error| error.contains("busy")))
    /// )]
    /// async fn fail() -> Result<(), ToolError> {
    ///     Err(ToolError::new(if RUNS.fetch_add(1, Ordering::Relaxed) == 0 { "busy" } else { "broken" }))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("app", "1.0.0").with(components![fail]).client().await;
    /// assert_eq!(client.call("fail", json!({})).await?.text(), "broken");
    /// assert_eq!(RUNS.load(Ordering::Relaxed), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn when(mut self, when: fn(&CallOutcome) -> bool) -> Self {
        self.when = when;
        self
    }

    /// Returns `true` if the call may run again after this outcome.
    fn repeats(&self, call: &LayeredCall, outcome: &CallOutcome) -> bool {
        let context = call.context().call_context();
        // A thread of a timed-out run would work beside the next run, and would not see its cancellation any more.
        let is_over = !context.has_asked() && !call.is_running();
        outcome.is_transient() && is_over && (self.when)(outcome)
    }
}

impl Layer for Retry {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        if !call.is_idempotent() {
            return next.run();
        }
        let retry = self.clone();
        Box::pin(async move {
            let mut delay = retry.delay;
            for _ in 0..retry.retries {
                let outcome = next.run().await;
                if !retry.repeats(&call, &outcome) {
                    return outcome;
                }
                tokio::time::sleep(with_jitter(delay)).await;
                delay = delay.saturating_mul(2).min(LONGEST_DELAY);
            }
            next.run().await
        })
    }
}

/// Adds up to half of a duration at random.
fn with_jitter(delay: Duration) -> Duration {
    let [random] = random_bytes().unwrap_or_default();
    delay.saturating_add(delay.mul_f64(f64::from(random) / 512.0))
}
