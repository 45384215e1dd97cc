//! The handler function of a component.

use std::sync::Arc;

use crate::call::Call;
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
