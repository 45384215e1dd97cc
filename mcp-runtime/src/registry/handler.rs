//! The function behind a component, and where it runs.

use std::sync::Arc;

use crate::call::Call;
use crate::service::BoxFuture;

/// The function behind a component.
pub enum Handler<R> {
    /// An `async fn`, polled in place.
    Async(fn(Call) -> BoxFuture<R>),
    /// A plain `fn`, which may block: it runs on a thread of its own.
    Blocking(fn(Call) -> R),
    /// A plain `fn` that never blocks.
    Inline(fn(Call) -> R),
    /// A closure given at run time.
    Shared(Arc<dyn Fn(Call) -> BoxFuture<R> + Send + Sync>),
}

impl<R> Clone for Handler<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Async(function) => Self::Async(*function),
            Self::Blocking(function) => Self::Blocking(*function),
            Self::Inline(function) => Self::Inline(*function),
            Self::Shared(function) => Self::Shared(Arc::clone(function)),
        }
    }
}
