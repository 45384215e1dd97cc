//! Results that are not complete when their handler is done: the items of a stream are still to come.

use std::future::poll_fn;
use std::sync::Arc;

use crate::call::CallContext;
use crate::content::{IntoToolResult, Rest, ToolResult};
use crate::error::ToolError;
use crate::service::BoxFuture;

/// After so many items that came without waiting, others have their turn.
const TURN: u32 = 32;

/// What a handler gives.
pub(super) trait CollectStream: Sized {
    /// The result if it is complete, or else the future of it.
    fn collect_stream(self, call: &Arc<CallContext>) -> Result<Self, BoxFuture<Self>> {
        let _ = call;
        Ok(self)
    }
}

impl<T> CollectStream for Result<T, ToolError> {}

impl CollectStream for ToolResult {
    fn collect_stream(mut self, call: &Arc<CallContext>) -> Result<Self, BoxFuture<Self>> {
        match self.rest.take() {
            None => Ok(self),
            Some(rest) => Err(Box::pin(collect(self, rest, Arc::clone(call)))),
        }
    }
}

/// Adds the rest to a result. Each item is also progress: the protocol knows no other way to show it at once.
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
        if items.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
    result
}
