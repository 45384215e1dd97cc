//! The handler function of a component.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use crate::call::Call;
use crate::context::Context;
use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::service::BoxFuture;

/// A handler function: it takes a call and returns a result or a future.
type Function<T> = Arc<dyn Fn(Call) -> T + Send + Sync>;

/// The handler function of a component, and the way in which it runs.
pub enum Handler<R> {
    /// An `async fn`, polled in place. Creating its future runs no user code.
    Async(Function<BoxFuture<R>>),
    /// A plain `fn` that may block, run on a thread of its own.
    Blocking(Function<R>),
    /// A plain `fn` that never blocks.
    Inline(Function<R>),
}

opaque_debug!(Handler<R>);

impl<R: 'static> Handler<R> {
    /// Creates the handler of a component that was created at run time. `arguments` reads the arguments of a call, and
    /// `convert` converts the output of the closure, or the error of the arguments.
    pub(super) fn of_closure<F, Fut>(
        closure: F,
        arguments: fn(&Call) -> Result<Value, ToolError>,
        convert: fn(Result<Fut::Output, ToolError>) -> R,
    ) -> Self
    where
        F: Fn(Value, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: 'static> + Send + 'static,
    {
        let closure = Arc::new(closure);
        Self::Async(Arc::new(move |call: Call| {
            let closure = Arc::clone(&closure);
            Box::pin(async move {
                match arguments(&call) {
                    Ok(arguments) => {
                        let context = Context::of(&call.context);
                        call.begin_task().await;
                        convert(Ok(closure(arguments, context).await))
                    }
                    Err(error) => convert(Err(error)),
                }
            })
        }))
    }
}

#[doc(hidden)] // called by generated code
impl<R> Handler<R> {
    pub fn future(function: impl Fn(Call) -> BoxFuture<R> + Send + Sync + 'static) -> Self {
        Self::Async(Arc::new(function))
    }

    pub fn blocking(function: impl Fn(Call) -> R + Send + Sync + 'static) -> Self {
        Self::Blocking(Arc::new(function))
    }

    pub fn inline(function: impl Fn(Call) -> R + Send + Sync + 'static) -> Self {
        Self::Inline(Arc::new(function))
    }
}

impl<R> Clone for Handler<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Async(function) => Self::Async(Arc::clone(function)),
            Self::Blocking(function) => Self::Blocking(Arc::clone(function)),
            Self::Inline(function) => Self::Inline(Arc::clone(function)),
        }
    }
}
