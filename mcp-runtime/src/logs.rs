//! Forwarding of `tracing` events in handlers to the clients of their calls, and the requests that the log of a server binary
//! names.
//!
//! A subscriber is shared by the whole process, but a client belongs to one call. The current call of the thread connects
//! the two.

#[cfg(feature = "logs")]
mod current;
#[cfg(feature = "logs")]
mod fields;
#[cfg(feature = "logs")]
mod layer;
mod request;
#[cfg(feature = "logs")]
mod targets;

use std::any::Any;

#[cfg(feature = "logs")]
pub(crate) use current::within;
#[cfg(feature = "cli")]
pub(crate) use fields::of as fields_of;
#[cfg(feature = "logs")]
pub use layer::forward_logs;
#[cfg(feature = "cli")]
pub(crate) use request::name_requests;
pub(crate) use request::{RequestIds, current_request, enter_request, names_requests};
#[cfg(feature = "logs")]
pub(crate) use targets::announce;

#[cfg(not(feature = "logs"))]
pub(crate) use absent::{announce, within};

use crate::call::ServerContext;

/// Returns the message of a panic, if it is a text.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Logs once per server that a client asks for log messages and that none are forwarded.
#[cold]
pub(crate) fn warn_if_not_forwarded(server: &ServerContext) {
    #[cfg(feature = "logs")]
    let is_missing = !layer::is_installed();
    #[cfg(not(feature = "logs"))]
    let is_missing = true;
    if is_missing && !server.forwarded.is_empty() {
        server.warned.call_once(|| {
            tracing::warn!(
                "a client asks for log messages, but the events of handlers are not sent: add the layer \
                 `mcp_runtime::forward_logs()` (feature `logs`) to the subscriber of the program"
            );
        });
    }
}

/// The functions of a build without the feature `logs`.
#[cfg(not(feature = "logs"))]
mod absent {
    use std::sync::Arc;

    use crate::call::CallContext;

    pub(crate) fn announce(_: &[String]) {}

    #[inline]
    pub(crate) fn within<R>(_: &Arc<CallContext>, part: impl FnOnce() -> R) -> R {
        part()
    }
}
