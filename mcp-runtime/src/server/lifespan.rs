//! States that are started before the server runs, and stopped after it.

use std::future::Future;
use std::sync::Arc;

use crate::call::States;
use crate::error::ToolError;
use crate::service::BoxFuture;

/// Stops a started state.
pub(super) type StopFn = Box<dyn FnOnce() -> BoxFuture<()> + Send>;

/// Inserts a started state into the states of the server.
type Insert = Box<dyn FnOnce(&mut States) + Send>;

/// A state that is not started yet.
pub(super) struct Lifespan(Box<Start>);

type Start = dyn FnOnce() -> BoxFuture<Result<(Insert, StopFn), ToolError>> + Send;

impl Lifespan {
    pub(super) fn new<T, E, Started, Stopped>(
        start: impl FnOnce() -> Started + Send + 'static,
        stop: impl FnOnce(Arc<T>) -> Stopped + Send + 'static,
    ) -> Self
    where
        T: Send + Sync + 'static,
        E: Into<ToolError>,
        Started: Future<Output = Result<T, E>> + Send + 'static,
        Stopped: Future<Output = ()> + Send + 'static,
    {
        Self(Box::new(move || {
            let started = start();
            Box::pin(async move {
                let value = Arc::new(started.await.map_err(Into::into)?);
                let kept = Arc::clone(&value);
                let insert: Insert = Box::new(move |states| {
                    states.insert(value);
                });
                let stop: StopFn = Box::new(move || Box::pin(stop(kept)));
                Ok((insert, stop))
            })
        }))
    }

    pub(super) async fn start(self, states: &mut States) -> Result<StopFn, ToolError> {
        let (insert, stop) = (self.0)().await?;
        insert(states);
        Ok(stop)
    }
}
