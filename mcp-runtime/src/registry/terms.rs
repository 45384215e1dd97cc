//! On what terms tools, resources and prompts are offered: how long a call may take, what they are tagged with, and which
//! scopes a caller needs.
//!
//! None of it is shown to clients.

use std::time::Duration;

/// The terms of a component.
#[derive(Default)]
pub(super) struct Terms {
    /// How long one call may take.
    pub(super) timeout: Option<Duration>,
    pub(super) tags: Vec<String>,
    /// The OAuth scopes that a caller needs.
    pub(super) scopes: Vec<String>,
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

            /// Adds a tag, by which [`Server::only_tagged`](crate::Server::only_tagged) and
            /// [`Server::without_tagged`](crate::Server::without_tagged) choose. Clients do not see it.
            pub fn tag(mut self, tag: impl Into<String>) -> Self {
                self.terms.tags.push(tag.into());
                self
            }

            /// Adds an OAuth scope that a caller needs.
            ///
            /// There is no authorization yet that could grant one, so that a server with such a component cannot be built.
            pub fn scope(mut self, scope: impl Into<String>) -> Self {
                self.terms.scopes.push(scope.into());
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
        if self.tags.iter().any(|tag| tag.trim().is_empty()) {
            problems.push(format!("{place}: a tag is empty: leave it out"));
        }
        // Whoever wrote a scope means to keep others out. As long as nobody can be, nobody is let in.
        problems.extend(self.scopes.iter().map(|scope| {
            format!(
                "{place} needs the scope `{scope}`, and this server has no authorization yet: remove `scopes(..)` or leave the component out"
            )
        }));
    }
}
