//! Effects that run once, however often their call is repeated.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{CallContext, is_current, poll_apart};
use crate::cluster::{Claim, ClaimError, EffectLease};
use crate::context::Context;
use crate::error::AskError;
use crate::questions::Effects;

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
    /// state twice or sends an older one. Across replicas that share keys but no [store](crate::Server::cluster), such a repeated
    /// state runs the effect again ("at least once"); see [`Server::single_use_state`](crate::Server::single_use_state) for "at
    /// most once".
    ///
    /// # Replicas
    /// With [`Server::cluster`](crate::Server::cluster), the replicas run an effect of a call at most once, whatever states its client
    /// sends to them. Another replica waits for the outcome, within the
    /// time limit of its call. If the attempt that began the effect ended before its outcome was recorded, because its process
    /// stopped or its client disconnected, the error is [`AskError::OutcomeUnknown`]. If the store fails before the effect, the
    /// effect does not run and the call ends with -32603. If it fails afterwards, the outcome is written again until the state of the
    /// call expires, and the handler waits. The clocks of replicas must agree within 10 seconds.
    ///
    /// # Limits
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
        let busy = call.begin_effect();
        let (mut effect, mut fresh) = (pin!(effect), None);
        let run = async {
            let lease = match claim(call, &effects, key).await? {
                Claimed::Run(lease) => lease,
                Claimed::Outcome(kept) => return Ok(kept),
            };
            let outcome = poll_fn(|task| poll_apart(|| effect.as_mut().poll(task))).await;
            let kept = serde_json::to_value(&outcome).map_err(|_| json(key, "written as JSON"))?;
            record(call, key, &kept, lease).await?;
            fresh = Some(outcome);
            Ok(kept)
        };
        // One attempt runs the effect; concurrent attempts wait for its outcome.
        let outcome = effects.effect(key);
        let kept = match outcome.get_or_try_init(|| run).await {
            Ok(kept) => kept,
            Err(NoOutcome::Error(error)) => return Err(error),
            Err(NoOutcome::Suspended) => {
                call.forbid_effects();
                drop(busy);
                return pending().await;
            }
        };
        match fresh {
            Some(outcome) => Ok(outcome),
            None => T::deserialize(kept).map_err(|_| json(key, "read again")),
        }
    }
}

/// An effect that may run, with its lease if other replicas may run it, too, or the outcome of another attempt.
enum Claimed {
    Run(Option<EffectLease>),
    Outcome(Value),
}

/// The reason why an effect has no outcome.
enum NoOutcome {
    Error(AskError),
    /// The call ends with an error of the protocol when it is suspended.
    Suspended,
}

impl From<AskError> for NoOutcome {
    fn from(error: AskError) -> Self {
        Self::Error(error)
    }
}

/// Takes an effect for this replica, or waits for the outcome of another one.
async fn claim(call: &CallContext, effects: &Effects, key: &str) -> Result<Claimed, NoOutcome> {
    let Some(shared) = call.shared_effect(key) else {
        return Ok(Claimed::Run(None));
    };
    match shared.claim(effects.has_begun(key)).await {
        Ok(Claim::Run(lease)) => {
            effects.begin(key);
            Ok(Claimed::Run(Some(lease)))
        }
        Ok(Claim::Outcome(kept)) => {
            call.record(key, &kept);
            Ok(Claimed::Outcome(kept))
        }
        Err(ClaimError::Unknown) => Err(AskError::OutcomeUnknown(key.to_owned()).into()),
        Err(ClaimError::Store) => Err(NoOutcome::Suspended),
    }
}

/// Records the outcome of an effect in this process, in the store of the replicas, and in the record of a task.
async fn record(
    call: &CallContext,
    key: &str,
    outcome: &Value,
    lease: Option<EffectLease>,
) -> Result<(), AskError> {
    call.record(key, outcome);
    if let Some(lease) = lease
        && !lease.finish(outcome).await
    {
        return Err(json(key, "recorded"));
    }
    let recorder = call.task().and_then(|task| task.recorder());
    if let Some(recorder) = recorder
        && !recorder.record(key, outcome).await
    {
        return Err(json(key, "recorded"));
    }
    Ok(())
}

/// Returns an error for an outcome that serde rejects. It omits serde's message, because a client may see this text.
fn json(key: &str, cannot: &str) -> AskError {
    AskError::Json(format!(
        "the outcome of the effect `{key}` cannot be {cannot}"
    ))
}
