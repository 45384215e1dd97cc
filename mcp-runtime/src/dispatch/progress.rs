//! Progress of a call, to the client that asked for it.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress>.

use std::sync::{Arc, Mutex, PoisonError};

use crate::call::Link;
use crate::protocol::jsonrpc::{notification, push_json};
use crate::protocol::revision::Features;
use crate::service::Outbound;

/// The way back of a call whose client wants no progress.
pub(super) struct Silent;

impl Link for Silent {
    fn progress(&self, _: f64, _: Option<f64>, _: Option<&str>) {}

    fn close(&self) {}
}

/// The way back of a call whose client gave a token.
pub(super) struct Reporting {
    token: String,
    features: &'static Features,
    outbound: Arc<dyn Outbound>,
    /// The last value, or nothing once the call is over.
    last: Mutex<Option<f64>>,
}

impl Reporting {
    pub(super) fn new(
        token: String,
        features: &'static Features,
        outbound: Arc<dyn Outbound>,
    ) -> Self {
        Self {
            token,
            features,
            outbound,
            last: Mutex::new(Some(f64::NEG_INFINITY)),
        }
    }

    fn params(&self, done: f64, total: Option<f64>, message: Option<&str>) -> String {
        let mut params = format!("{{\"progressToken\":{},\"progress\":", self.token);
        push_json(&mut params, &done);
        if let Some(total) = total.filter(|total| total.is_finite()) {
            params.push_str(",\"total\":");
            push_json(&mut params, &total);
        }
        if let Some(message) = message.filter(|_| self.features.progress_message) {
            params.push_str(",\"message\":");
            push_json(&mut params, message);
        }
        params.push('}');
        params
    }
}

impl Link for Reporting {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        // Sent under the lock, so that nothing is sent after `close`, and values stay in order.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let increases = last.is_some_and(|last| done > last);
        if increases && done.is_finite() {
            *last = Some(done);
            let params = self.params(done, total, message);
            self.outbound
                .send(notification("notifications/progress", &params));
        }
    }

    fn close(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
