//! The request that this thread serves, for the lines of the log of a server binary.
//!
//! The span of a request exists only if a subscriber wants spans of its level. The log names the request of every line.
#![cfg_attr(not(feature = "cli"), allow(dead_code))] // only the log reads the ids

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::protocol::jsonrpc::Message;
use crate::protocol::{HeaderSource, Id, TraceContext};

/// `true` if the log of this process names requests.
static NAMED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: RefCell<Option<RequestIds>> = const { RefCell::new(None) };
}

/// The ids of a request. They are read from the message when a line needs them.
#[derive(Clone)]
pub(crate) struct RequestIds {
    message: Arc<Message>,
    headers: Option<Arc<dyn HeaderSource>>,
    /// The id of the trace that its span belongs to, if it has one.
    trace_id: Option<String>,
}

impl RequestIds {
    pub(crate) fn new(
        message: Arc<Message>,
        headers: Option<Arc<dyn HeaderSource>>,
        trace_id: Option<String>,
    ) -> Self {
        Self {
            message,
            headers,
            trace_id,
        }
    }

    pub(crate) fn id(&self) -> Option<&Id> {
        self.message.id()
    }

    /// Returns the id of the trace: that of the span, or that of the client.
    pub(crate) fn trace_id(&self) -> Option<String> {
        let of_client = || {
            let params = self.message.params().ok();
            let meta = params.and_then(|params| params.meta().json());
            let trace = TraceContext::incoming(meta, self.headers.as_deref());
            trace.trace_id().map(str::to_owned)
        };
        self.trace_id.clone().or_else(of_client)
    }
}

/// Lets the log of this process name the requests of its lines.
pub(crate) fn name_requests() {
    NAMED.store(true, Ordering::Relaxed);
}

/// Returns `true` if the log of this process names requests.
#[inline]
pub(crate) fn names_requests() -> bool {
    NAMED.load(Ordering::Relaxed)
}

/// Returns the request that this thread serves, if the log names requests.
pub(crate) fn current_request() -> Option<RequestIds> {
    // The thread-local is not accessible while the thread ends.
    let current = CURRENT.try_with(|current| current.borrow().clone());
    current.ok().flatten()
}

/// A part of a request, until this is dropped.
pub(crate) struct EnteredRequest {
    before: Option<RequestIds>,
}

impl EnteredRequest {
    /// Ends the part, and returns the ids of its request.
    pub(crate) fn leave(mut self) -> Option<RequestIds> {
        let ids = replace(self.before.take());
        // There is nothing left to restore.
        std::mem::forget(self);
        ids
    }
}

impl Drop for EnteredRequest {
    fn drop(&mut self) {
        replace(self.before.take());
    }
}

fn replace(current: Option<RequestIds>) -> Option<RequestIds> {
    let before = CURRENT.try_with(|cell| cell.replace(current));
    before.ok().flatten()
}

/// Begins a part of a request, whose events the log attributes to the request.
pub(crate) fn enter_request(request: Option<RequestIds>) -> EnteredRequest {
    EnteredRequest {
        before: replace(request),
    }
}
