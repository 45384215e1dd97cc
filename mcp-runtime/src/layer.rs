//! Layers: code around the calls of tools, resources, prompts, completions and lists.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::context::Context;
use crate::outcome::Outcome;

/// Code around each call of a server: see [`Server::layer`](crate::Server::layer).
///
/// Every `async` closure that takes a [`LayeredCall`] and a [`Next`] is one.
pub trait Layer: Send + Sync + 'static {
    /// Serves a call, by running what is within the layer or without it.
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
    /// Returns what is called: `tool`, `resource`, `prompt`, `completion` or `list`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns the name of what is called; that of a resource is its URI, or the template of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the context of the call, which tells who calls.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// What is within a layer: the next layer, or the handler.
pub struct Next(pub(crate) BoxFuture<'static, CallOutcome>);

impl Next {
    /// Runs it to its outcome.
    pub async fn run(self) -> CallOutcome {
        self.0.await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Next(..)")
    }
}

/// What a call came to.
pub struct CallOutcome(pub(crate) Outcome);

impl CallOutcome {
    /// Returns `true` for a tool's result with `isError`, and for an error of the protocol.
    pub fn is_error(&self) -> bool {
        matches!(
            self.0,
            Outcome::Tool { is_error: true, .. } | Outcome::Error(_)
        )
    }

    /// Returns `true` if the call asks its client, and begins anew when it has the answers.
    pub fn is_input_required(&self) -> bool {
        matches!(self.0, Outcome::InputRequired(_))
    }
}

impl fmt::Debug for CallOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Results may be secrets.
        formatter
            .debug_struct("CallOutcome")
            .field("is_error", &self.is_error())
            .finish_non_exhaustive()
    }
}

/// Puts layers around a call, the first outermost.
pub(crate) fn surround(
    layers: &[Arc<dyn Layer>],
    call: &LayeredCall,
    inner: BoxFuture<'static, CallOutcome>,
) -> BoxFuture<'static, CallOutcome> {
    let outward = layers.iter().rev();
    outward.fold(inner, |inner, layer| layer.serve(call.clone(), Next(inner)))
}
