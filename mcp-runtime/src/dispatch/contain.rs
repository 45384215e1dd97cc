//! Containment of panics in user code, and calls that end without an outcome.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::timeout::{Exceeded, in_words};
use crate::call::CallContext;
use crate::logs::{panic_text, within};
use crate::seal::random_bytes;

/// The reason why a handler ended without an outcome.
pub(super) enum Stopped {
    /// The handler panicked. The panic is logged under this reference, and the client receives only the reference.
    Panicked { reference: String },
    /// The handler exceeded its timeout.
    TimedOut { name: String, exceeded: Exceeded },
}

impl Stopped {
    /// Returns the message for the client. `kind` is the kind of the called component.
    pub(super) fn message(&self, kind: &str) -> String {
        match self {
            Self::Panicked { reference } => {
                format!("The {kind} failed unexpectedly (reference {reference})")
            }
            Self::TimedOut { name, exceeded } => match exceeded {
                Exceeded::Total(time) => {
                    format!(
                        "`{name}` took longer than {} and was stopped",
                        in_words(*time)
                    )
                }
                Exceeded::Idle(time) => {
                    let time = in_words(*time);
                    format!("`{name}` made no progress for {time} and was stopped")
                }
            },
        }
    }

    /// Logs a panic.
    pub(super) fn panicked(name: &str, message: &str) -> Self {
        let reference = reference();
        tracing::error!(
            handler = name,
            reference,
            panic = message,
            "a handler panicked"
        );
        Self::Panicked { reference }
    }

    /// Logs a timeout.
    pub(super) fn timed_out(name: &str, exceeded: Exceeded) -> Self {
        tracing::warn!(
            handler = name,
            duration_ms = exceeded.time().as_millis(),
            "a handler took longer than its timeout and was stopped"
        );
        Self::TimedOut {
            name: name.to_owned(),
            exceeded,
        }
    }
}

/// Runs a part of a handler and catches its panics. Its log events belong to its call.
pub(super) fn contain<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> Result<R, Panic> {
    guard(|| within(call, part))
}

/// Runs code that may call user code, and catches its panics.
pub(super) fn guard<R>(part: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(part)).map_err(|payload| Panic(Some(payload)))
}

/// A panic of user code.
pub(super) struct Panic(Option<Box<dyn Any + Send>>);

impl Panic {
    /// Logs the panic under the name of its handler.
    pub(super) fn log(self, name: &str) -> Stopped {
        let message = self.0.as_deref().and_then(panic_text);
        Stopped::panicked(name, message.unwrap_or("(no message)"))
    }
}

impl Drop for Panic {
    /// Drops the payload. Its type is the user's, so its destructor may panic as well.
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Dropping the second payload could panic again, without end.
            std::mem::forget(second);
        }
    }
}

/// Returns a short random reference that identifies a line in the log.
pub(super) fn reference() -> String {
    let bytes: [u8; 4] = random_bytes().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(bytes))
}
