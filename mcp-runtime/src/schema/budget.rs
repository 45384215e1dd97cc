//! A limit for the work that the arguments of one message may cause.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The maximum number of steps for one message. A step checks one part of a value against one schema, or copies one
/// part. It takes less than a fifth of a microsecond, so no message takes a tenth of a second.
const STEPS: usize = 400_000;

/// The number of steps for any message, and the additional number for each byte: a short message needs few.
const STEPS_OF_ANY: usize = 100_000;
const STEPS_OF_BYTE: usize = 16;

/// The number of bytes of a text that are read in one step.
const BYTES: usize = 64;

/// The remaining steps for all arguments of one message together.
#[derive(Debug)]
pub(crate) struct Budget(AtomicUsize);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicUsize::new(STEPS))
    }
}

impl Budget {
    /// Returns the budget for arguments with this text.
    pub(crate) fn of_text(json: &str) -> Self {
        let steps = STEPS_OF_ANY + json.len().saturating_mul(STEPS_OF_BYTE);
        Self(AtomicUsize::new(steps.min(STEPS)))
    }

    /// Takes some steps, and returns `true` if any are left.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        // Relaxed, since a single thread checks the arguments of a message.
        let left = self.0.load(Ordering::Relaxed).saturating_sub(steps);
        self.0.store(left, Ordering::Relaxed);
        left > 0
    }

    /// Takes the steps for reading a text.
    pub(crate) fn spend_on(&self, text: &str) -> bool {
        self.spend(1 + text.len() / BYTES)
    }

    /// Returns `true` if no steps are left: results may be wrong then.
    pub(crate) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// Returns the message for a value that exceeds the budget.
pub(crate) fn too_costly(path: &str) -> String {
    // The whole of all arguments has no path.
    let path = if path.is_empty() { "arguments" } else { path };
    format!("`{path}` is too large or too intricate to be checked; send less at once")
}
