//! Effects that happen once, however often their call begins anew.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::{is_current, poll_apart};
use crate::context::Context;
use crate::error::AskError;

impl Context {
    /// Runs an effect once in a call that may begin anew: what came out is recorded under `key` and given again the next
    /// time, or to the next who asks for it under this key in the same call.
    ///
    /// The record travels with the client, sealed, and is also kept in this process until it expires, in case the client
    /// sends a state twice or an older one again. Across replicas that share a key but no memory it is "at least once" then;
    /// see [`Server::single_use_state`](crate::Server::single_use_state) for "at most once".
    ///
    /// What is recorded is never forgotten before that. Where no more can be remembered, calls that have effects end with an error.
    ///
    /// The call is not given up while an effect is under way, so an effect must not ask, nor contain another one.
    ///
    /// # Errors
    /// What came out cannot be written as JSON, or read as `T`; or this is not awaited within the `async fn` of its call.
    pub async fn once<T>(&self, key: &str, effect: impl Future<Output = T>) -> Result<T, AskError>
    where
        T: Serialize + DeserializeOwned,
    {
        let call = self.call_context();
        if !is_current(call) {
            return Err(AskError::OutsideCall);
        }
        let Some(effects) = call.effects() else {
            // The call is given up: what happens now could happen again.
            return pending().await;
        };
        let _busy = call.begin_effect();
        let (mut effect, mut fresh) = (pin!(effect), None);
        let happen = async {
            let outcome = poll_fn(|task| poll_apart(|| effect.as_mut().poll(task))).await;
            let kept = serde_json::to_value(&outcome).map_err(|_| json(key, "written as JSON"))?;
            call.record(key, &kept);
            fresh = Some(outcome);
            Ok(kept)
        };
        // Others wait while one attempt is at it.
        let place = effects.effect(key);
        let kept = place.get_or_try_init(|| happen).await?;
        match fresh {
            Some(outcome) => Ok(outcome),
            None => T::deserialize(kept).map_err(|_| json(key, "read again")),
        }
    }
}

/// An outcome that serde refuses, in other words than its own: a client may see them.
fn json(key: &str, cannot: &str) -> AskError {
    AskError::Json(format!(
        "the outcome of the effect `{key}` cannot be {cannot}"
    ))
}
