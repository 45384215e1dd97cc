//! Results that are not complete when their handler returns: the remaining content is a stream.

use std::future::poll_fn;
use std::sync::Arc;

use crate::call::CallContext;
use crate::content::{IntoToolResult, Rest, ToolResult};
use crate::service::BoxFuture;

/// The number of items after which the task yields, so that a stream that is always ready does not block other tasks.
const YIELD_INTERVAL: u32 = 32;

/// The output of a handler.
pub(super) trait CollectStream: Sized {
    /// Returns the result if it is complete, or else a future that collects the rest of it.
    fn collect_stream(self, call: &Arc<CallContext>) -> Result<Self, BoxFuture<Self>> {
        let _ = call;
        Ok(self)
    }
}

impl<T, E> CollectStream for Result<T, E> {}

impl CollectStream for ToolResult {
    fn collect_stream(mut self, call: &Arc<CallContext>) -> Result<Self, BoxFuture<Self>> {
        match self.rest.take() {
            None => Ok(self),
            Some(rest) => Err(Box::pin(collect(self, rest, Arc::clone(call)))),
        }
    }
}

/// Adds the items of a stream to a result. Each item is also reported as progress, which is the only way in the
/// protocol to deliver it before the result.
async fn collect(mut result: ToolResult, rest: Rest, call: Arc<CallContext>) -> ToolResult {
    let mut stream = rest.into_stream();
    let mut items = 0_u32;
    while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        let content = match item {
            Ok(content) => content,
            Err(error) => return error.into_tool_result(),
        };
        items = items.saturating_add(1);
        call.notifier
            .progress(items.into(), None, content.as_text());
        result.content.push(content);
        if items.is_multiple_of(YIELD_INTERVAL) {
            tokio::task::yield_now().await;
        }
    }
    result
}
