//! A limit on the number of calls in a time.

use super::caller::CallerId;
use crate::error::ToolError;
use crate::layer::{CallOutcome, Layer, LayeredCall, Next};
use crate::rate::{RateLimit, seconds};
use crate::service::BoxFuture;

impl Layer for RateLimit {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let allowed = self.count(&CallerId::of(call.context()).owner);
        Box::pin(async move {
            let Err(wait) = allowed else {
                return next.run().await;
            };
            let seconds = seconds(wait);
            let message = format!(
                "Too many calls of `{}`: try again in {seconds} s",
                call.name()
            );
            call.refuse(ToolError::rate_limited(message, seconds))
        })
    }
}
