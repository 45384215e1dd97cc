//! Effects that run once, however often their call is repeated.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::{is_current, poll_apart};
use crate::context::Context;
use crate::error::AskError;

impl Context {
    /// Returns the recorded outcome of an effect of an earlier attempt, without running it.
    #[cfg(feature = "proxy")]
    pub(crate) fn recorded<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let effects = self.call_context().effects(key)?;
        T::deserialize(effects.outcome(key)?).ok()
    }

    /// Runs an effect once in a call whose handler may run again. The outcome is recorded under `key`. Later runs, and
    /// other uses of the same key in the same call, return the recorded outcome.
    ///
    /// The client carries the record, sealed. This process also keeps it until it expires, in case the client sends a
    /// state twice or sends an older one. Across replicas that share a key but no memory, such a repeated state runs the
    /// effect again ("at least once"); see [`Server::single_use_state`](crate::Server::single_use_state) for "at most
    /// once".
    ///
    /// A record is never evicted before it expires. When the memory for records is full, calls with effects end with an
    /// error.
    ///
    /// In a task that can be started again, the record of the task has the outcome. A process that ends between the effect and the
    /// record of its outcome runs the effect again ("at least once").
    ///
    /// The call is not suspended while an effect runs, so an effect must not ask a question or contain another effect.
    ///
    /// # Errors
    /// Returns an error if the outcome cannot be serialised as JSON or deserialised as `T`, or if this is not awaited
    /// within the `async fn` of its call.
    pub async fn once<T>(&self, key: &str, effect: impl Future<Output = T>) -> Result<T, AskError>
    where
        T: Serialize + DeserializeOwned,
    {
        let call = self.call_context();
        if !is_current(call) {
            return Err(AskError::OutsideCall);
        }
        let Some(effects) = call.effects(key) else {
            // The effect cannot be recorded, so running it now could run it twice. The call is suspended instead.
            return pending().await;
        };
        let _busy = call.begin_effect();
        let (mut effect, mut fresh) = (pin!(effect), None);
        let run = async {
            let outcome = poll_fn(|task| poll_apart(|| effect.as_mut().poll(task))).await;
            let kept = serde_json::to_value(&outcome).map_err(|_| json(key, "written as JSON"))?;
            call.record(key, &kept);
            let recorder = call.task().and_then(|task| task.recorder());
            if let Some(recorder) = recorder
                && !recorder.record(key, &kept).await
            {
                return Err(json(key, "recorded"));
            }
            fresh = Some(outcome);
            Ok(kept)
        };
        // One attempt runs the effect; concurrent attempts wait for its outcome.
        let outcome = effects.effect(key);
        let kept = outcome.get_or_try_init(|| run).await?;
        match fresh {
            Some(outcome) => Ok(outcome),
            None => T::deserialize(kept).map_err(|_| json(key, "read again")),
        }
    }
}

/// Returns an error for an outcome that serde rejects. It omits serde's message, because a client may see this text.
fn json(key: &str, cannot: &str) -> AskError {
    AskError::Json(format!(
        "the outcome of the effect `{key}` cannot be {cannot}"
    ))
}
