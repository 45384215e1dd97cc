//! How much work the arguments of one message may cause.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many steps one message gets at most. A step is a look at one part of a value with one schema, or the copy of one
/// part: less than a fifth of a microsecond, so that no message takes a tenth of a second.
const STEPS: usize = 400_000;

/// How many steps any message gets, and how many more for each byte: a short one needs few.
const STEPS_OF_ANY: usize = 100_000;
const STEPS_OF_BYTE: usize = 16;

/// How many bytes of a text are read in one step.
const BYTES: usize = 64;

/// The steps that are left to the arguments of one message, all of them together.
#[derive(Debug)]
pub(crate) struct Budget(AtomicUsize);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicUsize::new(STEPS))
    }
}

impl Budget {
    /// For arguments of this text.
    pub(crate) fn of_text(json: &str) -> Self {
        let steps = STEPS_OF_ANY + json.len().saturating_mul(STEPS_OF_BYTE);
        Self(AtomicUsize::new(steps.min(STEPS)))
    }

    /// Takes some steps, and returns `true` if any are left.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        // One thread checks the arguments of a message.
        let left = self.0.load(Ordering::Relaxed).saturating_sub(steps);
        self.0.store(left, Ordering::Relaxed);
        left > 0
    }

    /// Takes the steps of reading a text.
    pub(crate) fn spend_on(&self, text: &str) -> bool {
        self.spend(1 + text.len() / BYTES)
    }

    /// Returns `true` if no steps are left: what was found so far may be wrong.
    pub(crate) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// What is said of a value for which the budget is not enough.
pub(crate) fn too_costly(path: &str) -> String {
    format!("`{path}` is too large or too intricate to be checked; send less at once")
}
