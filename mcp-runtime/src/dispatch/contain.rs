//! Panics of user code, and what becomes of a call that comes to no outcome.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::timeout::in_words;
use crate::call::CallContext;
use crate::logs::within;
use crate::seal::random_bytes;

/// Why a handler came to no outcome.
pub(super) enum Stopped {
    /// It panicked. The panic is in the log under this reference, and the client learns nothing else.
    Panicked { reference: String },
    /// It took longer than it may.
    Late { name: String, limit: Duration },
}

impl Stopped {
    /// Returns what the client learns; `kind` says what was called.
    pub(super) fn message(&self, kind: &str) -> String {
        match self {
            Self::Panicked { reference } => {
                format!("The {kind} failed unexpectedly (reference {reference})")
            }
            Self::Late { name, limit } => {
                let limit = in_words(*limit);
                format!("`{name}` took longer than {limit} and was stopped")
            }
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

    /// Logs that a handler was late.
    pub(super) fn late(name: &str, limit: Duration) -> Self {
        tracing::warn!(
            handler = name,
            milliseconds = limit.as_millis(),
            "a handler took longer than its timeout and was stopped"
        );
        Self::Late {
            name: name.to_owned(),
            limit,
        }
    }
}

/// Runs a part of a handler: what it logs belongs to its call, and a panic in it ends there.
pub(super) fn contain<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> Result<R, Panic> {
    guard(|| within(call, part))
}

/// Runs what may call user code: a panic in it ends there.
pub(super) fn guard<R>(part: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(part)).map_err(|payload| Panic(Some(payload)))
}

/// A panic of user code.
pub(super) struct Panic(Option<Box<dyn Any + Send>>);

impl Panic {
    /// Logs the panic of the handler with this name.
    pub(super) fn log(self, name: &str) -> Stopped {
        let payload = self.0.as_deref();
        let text = payload.and_then(|payload| payload.downcast_ref::<&str>().copied());
        let owned = || payload.and_then(|payload| payload.downcast_ref::<String>());
        let message = text.or_else(|| owned().map(String::as_str));
        Stopped::panicked(name, message.unwrap_or("(no message)"))
    }
}

impl Drop for Panic {
    /// Drops the payload, which is the user's: that may panic too.
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Dropping this one could go on like that for ever.
            std::mem::forget(second);
        }
    }
}

/// Returns a short random text by which a line in the log is found.
pub(super) fn reference() -> String {
    let bytes: [u8; 4] = random_bytes().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(bytes))
}
