//! On what terms tools, resources and prompts are offered: how long a call may take, and what they are tagged with.
//!
//! None of it is shown to clients.

use std::time::Duration;

/// The terms of a component.
#[derive(Default)]
pub(super) struct Terms {
    /// How long one call may take.
    pub(super) timeout: Option<Duration>,
}

macro_rules! terms {
    ($($component:ident)*) => {$(
        impl $component {
            /// Says how long one call may take: more than zero, or the server cannot be built.
            ///
            /// When the time is up, the caller is told so and the call ends. An `async` handler is dropped at its next
            /// `.await`. A plain `fn` learns of it through [`Cancel`](crate::Cancel), and its thread counts as a request
            /// until it ends. An `inline` one cannot be stopped: nothing is looked at until it is done.
            ///
            /// The time in which a question waits for its answer does not count; in revisions without sessions, each
            /// attempt has its own time.
            pub fn timeout(mut self, limit: std::time::Duration) -> Self {
                self.terms.timeout = Some(limit);
                self
            }
        }
    )*};
}

pub(super) use terms;

impl Terms {
    /// Notes what keeps a component from being offered.
    pub(super) fn check(&self, place: &str, problems: &mut Vec<String>) {
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            problems.push(format!(
                "{place}: a timeout of zero stops every call: give it some time, or leave `timeout` out"
            ));
        }
    }
}
