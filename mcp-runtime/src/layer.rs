//! Layers: middleware around the calls of tools, resources, prompts, completions and lists.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::context::Context;
use crate::outcome::{Outcome, OutcomeKind};

/// Middleware around each call of a server: see [`Server::layer`](crate::Server::layer).
///
/// It is implemented for every `async` closure that takes a [`LayeredCall`] and a [`Next`].
pub trait Layer: Send + Sync + 'static {
    /// Serves a call, with or without running `next`.
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<'static, CallOutcome>;
}

impl<F, Fut> Layer for F
where
    F: Fn(LayeredCall, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = CallOutcome> + Send + 'static,
{
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<'static, CallOutcome> {
        Box::pin(self(call, next))
    }
}

/// A call as layers see it.
#[derive(Debug, Clone)]
pub struct LayeredCall {
    pub(crate) kind: &'static str,
    pub(crate) name: Arc<str>,
    pub(crate) context: Context,
}

impl LayeredCall {
    /// Returns the kind of the call: `tool`, `resource`, `prompt`, `completion` or `list`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns the name of the called component. The name of a resource is its URI or URI template.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the context of the call, which identifies the caller.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// The remainder of the call: the next layer, or the handler.
pub struct Next(pub(crate) BoxFuture<'static, CallOutcome>);

impl Next {
    /// Runs the remainder of the call and returns its outcome.
    pub async fn run(self) -> CallOutcome {
        self.0.await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Next(..)")
    }
}

/// The outcome of a call.
pub struct CallOutcome(pub(crate) Outcome);

impl CallOutcome {
    /// Returns how the call ended.
    pub fn kind(&self) -> OutcomeKind {
        self.0.kind()
    }

    /// Returns `true` for a failed tool, a protocol error and a call that exceeded its timeout.
    pub fn is_error(&self) -> bool {
        use OutcomeKind::{ProtocolError, TimedOut, ToolError};
        matches!(self.kind(), ToolError | ProtocolError | TimedOut)
    }
}

impl fmt::Debug for CallOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Results may contain secrets.
        formatter
            .debug_struct("CallOutcome")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// Wraps a call in layers; the first layer is the outermost.
pub(crate) fn surround(
    layers: &[Arc<dyn Layer>],
    call: &LayeredCall,
    inner: BoxFuture<'static, CallOutcome>,
) -> BoxFuture<'static, CallOutcome> {
    let outward = layers.iter().rev();
    outward.fold(inner, |inner, layer| layer.serve(call.clone(), Next(inner)))
}
