//! Questions of a handler to its client, and the delivery of the answers.
//!
//! A client with a session is asked at once, with a request on the stream of the call ([`PendingRequests`]). In the
//! stateless era, the result of the call is its open questions, and the client repeats the call with the answers
//! ([`Round`]). Earlier answers come from the sealed [`Journal`], which the client carries.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr>.

mod effects;
mod journal;
mod pending;
mod refused;
mod task;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cluster::{Cluster, SharedEffect};
use crate::error::AskError;
use crate::protocol::capability::Capability;
use crate::protocol::error::RpcError;
use crate::seal::Sealer;
use crate::service::Origin;
use crate::store::{Full, Store, StoreEntry, digest, now};
use crate::sync::{Mutex, MutexGuard};

use effects::Chains;
pub(crate) use effects::Effects;
use journal::{Journal, QuestionKey};
pub(crate) use pending::PendingRequests;
pub(crate) use refused::refused_answer;
pub(crate) use task::TaskQuestion;

/// The number of invalid answers to one question after which it fails.
pub(crate) const MAX_INVALID_ANSWERS: u8 = 3;

/// A question to the client.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The client capability that the question requires.
    pub(crate) needs: Capability,
    params: Value,
    /// The name of the question on the wire, if the handler chose one.
    key: Option<String>,
    /// The number of the question at another server, which distinguishes it from equal ones.
    #[cfg(feature = "proxy")]
    number: Option<String>,
}

impl Question {
    pub(crate) fn new(needs: Capability, params: Value, key: Option<String>) -> Self {
        Self {
            needs,
            params,
            key,
            #[cfg(feature = "proxy")]
            number: None,
        }
    }

    /// Returns the question with a number: an equal question with another number is another one.
    #[cfg(feature = "proxy")]
    pub(crate) fn numbered(self, number: String) -> Self {
        Self {
            number: Some(number),
            ..self
        }
    }

    fn method(&self) -> &'static str {
        match self.needs {
            Capability::Roots => "roots/list",
            Capability::Sampling => "sampling/createMessage",
            Capability::ElicitationForm | Capability::ElicitationUrl => "elicitation/create",
        }
    }

    /// Returns a digest that identifies the question. It is not a security feature, so it need not be cryptographic.
    fn digest(&self) -> String {
        #[cfg(feature = "proxy")]
        if let Some(number) = &self.number {
            return digest((self.method(), self.params.to_string(), &self.key, number));
        }
        digest((self.method(), self.params.to_string(), &self.key))
    }

    /// Returns the preferred name on the wire. Another question may already use it.
    fn name(&self, id: &QuestionKey) -> String {
        let derived = || format!("q-{}", &id[..12]);
        self.key.clone().unwrap_or_else(derived)
    }
}

/// A guard that increments a counter until it is dropped.
pub(crate) struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    pub(crate) fn new(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The state that the questions of all stateless calls share.
pub(crate) struct Replay {
    /// The sealer of the journals that clients carry.
    pub(crate) sealer: Arc<Sealer>,
    chains: Chains,
    /// The store of used states, if states are single-use.
    used: Option<Arc<dyn Store>>,
    /// The replicas that may run the same effect.
    cluster: Option<Arc<Cluster>>,
    /// The time that a client has to answer.
    answer_timeout: Duration,
    warned: AtomicBool,
}

impl Replay {
    pub(crate) fn new(
        sealer: Arc<Sealer>,
        answer_timeout: Duration,
        used: Option<Arc<dyn Store>>,
        cluster: Option<Arc<Cluster>>,
    ) -> Self {
        Self {
            sealer,
            chains: Chains::default(),
            used,
            cluster,
            answer_timeout,
            warned: AtomicBool::new(false),
        }
    }

    /// Logs once that no other process can open the sealed states.
    fn warn_if_key_is_ephemeral(&self) {
        if !self.sealer.is_lasting() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a question is sealed with a key that only this process has: replicas need a shared key, see \
                 `Server::cluster` and `Server::session_keys`"
            );
        }
    }
}

/// The questions of one call in the stateless era.
pub(crate) struct Questions {
    replay: Arc<Replay>,
    /// Created on demand, because few calls ask questions.
    round: OnceLock<Box<Mutex<Round>>>,
    /// The number of running effects. The call is not suspended before they finish.
    busy: AtomicUsize,
}

/// One attempt of a call, with its answered and open questions.
#[derive(Default)]
struct Round {
    journal: Journal,
    /// The responses that the client sent with this attempt and that no question has taken yet.
    responses: Map<String, Value>,
    /// The missing client capabilities that questions of this attempt require.
    lacking: Vec<Capability>,
    /// How often each question was asked in this attempt, by digest.
    asked: HashMap<String, u32>,
    open: Vec<(QuestionKey, Question)>,
    /// The answers to the questions of a task that no question has taken yet.
    delivered: HashMap<QuestionKey, VecDeque<Value>>,
    /// The wakers of the open questions of a task.
    wakers: Vec<Waker>,
    /// The effects, if the call has any. If they cannot be stored, no further effect runs.
    effects: Option<Result<Arc<Effects>, NotStored>>,
    /// The bytes of outcomes that are not counted among those of all calls, because no client carries their state yet.
    uncounted: usize,
}

/// The reason why no effect of a call may run.
#[derive(Clone)]
enum NotStored {
    /// The memory of this process is full.
    Full(Full),
    /// The store of the replicas failed.
    Store,
}

impl Questions {
    pub(crate) fn new(replay: Arc<Replay>) -> Self {
        Self {
            replay,
            round: OnceLock::new(),
            busy: AtomicUsize::new(0),
        }
    }

    /// Reads the answers and the state of earlier attempts from the request.
    ///
    /// # Errors
    /// Returns an error if the state was not issued for this request or has expired, or if the answers are malformed.
    pub(crate) fn resume(
        &self,
        message: &str,
        origin: &Origin,
        state: Option<&str>,
        responses: Option<&str>,
    ) -> Result<(), RpcError> {
        let journal = match state {
            None => Journal::new(),
            Some(state) => {
                let token: String = serde_json::from_str(state).map_err(|_| {
                    RpcError::invalid_params("`params.requestState` must be a string")
                })?;
                let principal = origin.principal.as_ref();
                Journal::open(&self.replay.sealer, message, principal, &token).ok_or_else(|| {
                    RpcError::invalid_params(
                        "`params.requestState` was not issued for this request, or has expired: send the \
                         request again without it",
                    )
                })?
            }
        };
        let responses = match responses {
            None => Map::new(),
            Some(json) => serde_json::from_str(json).map_err(|_| {
                RpcError::invalid_params("`params.inputResponses` must be an object")
            })?,
        };
        let _ = self.round.set(Round::begin(journal, responses));
        Ok(())
    }

    /// Returns a future that marks the client's state as used, and fails if the state was used before. The future
    /// must finish before the handler starts. Returns `None` if states are not single-use or if the client sent none.
    pub(crate) fn redeem(
        &self,
        origin: &Origin,
    ) -> Option<impl Future<Output = Result<(), RpcError>> + Send + use<>> {
        let used = Arc::clone(self.replay.used.as_ref()?);
        let round = self.round.get()?.lock();
        let journal = &round.journal;
        let owner = origin.account();
        let (id, expires) = (format!("state-{}", journal.id), journal.expires?);
        Some(async move {
            let time_to_live = Duration::from_millis(expires.saturating_sub(now()));
            let entry = StoreEntry {
                value: &[],
                time_to_live,
                owner,
            };
            match used.put_if_absent(&id, entry).await {
                // The store may have removed the entry of a state that has expired meanwhile.
                Ok(is_first) if is_first && now() < expires => Ok(()),
                Ok(_) => Err(RpcError::invalid_params(
                    "`params.requestState` is valid only once, and was used before or has expired: send the request \
                     again without it",
                )),
                Err(error) => {
                    tracing::error!(%error, "a request state is refused: the store failed to check whether it was used before");
                    Err(RpcError::overloaded(
                        "The server cannot check whether `params.requestState` was used before: try again later",
                    ))
                }
            }
        })
    }

    /// Prepares another run of the handler, which asks its questions again from the first one.
    pub(crate) fn restart(&self) {
        if let Some(round) = self.round.get() {
            let mut round = round.lock();
            round.asked.clear();
            round.open.clear();
            round.lacking.clear();
        }
    }

    /// Returns `true` if the call has asked a question or recorded an effect, in this attempt or in an earlier one.
    pub(crate) fn has_asked(&self) -> bool {
        self.round.get().is_some()
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.round
            .get_or_init(|| Round::begin(Journal::new(), Map::new()))
            .lock()
    }

    /// Starts a question, and numbers it among equal questions of this attempt.
    pub(crate) fn begin(&self, question: Question) -> OpenQuestion<'_> {
        let digest = question.digest();
        let mut round = self.round();
        let count = round.asked.entry(digest.clone()).or_default();
        *count += 1;
        OpenQuestion {
            questions: self,
            id: format!("{digest}-{count}"),
            question,
        }
    }

    /// Records that the client lacks a capability that a question requires.
    pub(crate) fn lack(&self, capability: Capability) {
        let lacking = &mut self.round().lacking;
        if !lacking.contains(&capability) {
            lacking.push(capability);
        }
    }

    /// Returns the missing client capabilities that questions of this attempt require.
    pub(crate) fn lacking(&self) -> Vec<Capability> {
        let round = self.round.get();
        round.map_or_else(Vec::new, |round| round.lock().lacking.clone())
    }

    /// Returns the effects of all attempts of this call, or `None` if they cannot be stored together with the outcome of
    /// `key`. In this case the call is suspended, and ends with an error.
    pub(crate) fn effects(&self, origin: &Origin, key: &str) -> Option<Arc<Effects>> {
        let mut round = self.round();
        let Round {
            journal,
            effects,
            uncounted,
            ..
        } = &mut *round;
        let chains = &self.replay.chains;
        let find = || {
            let mut effects = Arc::<Effects>::default();
            effects.merge(&journal.effects);
            // A state that no client carries yet cannot be sent twice, so its effects need not be stored.
            if let Some(expires) = journal.expires {
                let kept = chains.keep(&journal.chain, effects, origin.account(), expires);
                effects = kept.map_err(NotStored::Full)?;
                effects.merge(&journal.effects);
            }
            Ok(effects)
        };
        let found = effects.get_or_insert_with(find);
        // The size of an outcome is known only after its effect, which cannot be undone.
        if let Ok(known) = found
            && !known.has_outcome(key)
            && let Err(full) = chains.check(&journal.chain, &origin.account(), *uncounted)
        {
            *found = Err(NotStored::Full(full));
        }
        found.as_ref().ok().cloned()
    }

    /// Returns an effect that other replicas may run, too: the client has a state of this call, which it can send to any of them.
    pub(crate) fn shared_effect(&self, origin: &Origin, key: &str) -> Option<SharedEffect> {
        let cluster = Arc::clone(self.replay.cluster.as_ref()?);
        let round = self.round();
        let (chain, expires) = (&round.journal.chain, round.journal.expires?);
        // A client that has a state now can exchange it for a newer one until it expires.
        let time_to_live = self.replay.answer_timeout.saturating_mul(2);
        let owner = origin.account();
        Some(SharedEffect::new(
            cluster,
            chain,
            key,
            owner,
            expires,
            time_to_live,
        ))
    }

    /// Suspends the call, which ends with an error, because the store of the replicas failed before an effect.
    pub(crate) fn forbid_effects(&self) {
        self.round().effects = Some(Err(NotStored::Store));
    }

    /// Counts the memory of an outcome.
    pub(crate) fn record(&self, key: &str, outcome: &Value) {
        let mut round = self.round();
        if round.journal.expires.is_none() {
            round.uncounted += effects::size(key, outcome);
        } else {
            let chain = &round.journal.chain;
            self.replay.chains.grow(chain, key, outcome);
        }
    }

    /// Returns a guard; the call is not suspended while it is alive.
    pub(crate) fn begin_effect(&self) -> Counted<'_> {
        Counted::new(&self.busy)
    }

    /// Returns `true` if the call must be suspended: it has open questions, or effects that cannot be stored, and no
    /// effect is running.
    pub(crate) fn are_open(&self) -> bool {
        self.round.get().is_some_and(|round| {
            let round = round.lock();
            let waits = !round.open.is_empty() || matches!(round.effects, Some(Err(_)));
            waits && self.busy.load(Ordering::Relaxed) == 0
        })
    }

    /// Returns the members `inputRequests` and `requestState` of the result of a call with open questions.
    ///
    /// # Errors
    /// Returns an error if the journal is too large or cannot be sealed, or if the effects cannot be stored.
    pub(crate) fn ask(&self, message: &str, origin: &Origin) -> Result<String, RpcError> {
        let mut round = self.round();
        let effects = round.effects.clone().transpose().map_err(not_stored)?;
        let requests = Value::from(round.requests());
        if let Some(effects) = &effects {
            round.journal.effects = effects.outcomes();
        }
        let replay = &*self.replay;
        replay.warn_if_key_is_ephemeral();
        let journal = &mut round.journal;
        let (state, expires) = journal.seal(
            &replay.sealer,
            message,
            origin.principal.as_ref(),
            replay.answer_timeout,
        )?;
        if let Some(effects) = effects {
            let owner = origin.account();
            let kept = replay.chains.keep(&journal.chain, effects, owner, expires);
            kept.map_err(|full| not_stored(NotStored::Full(full)))?;
        }
        let state = Value::from(state);
        Ok(format!(
            "\"inputRequests\":{requests},\"requestState\":{state}"
        ))
    }
}

/// Returns the error for effects that cannot be stored.
fn not_stored(reason: NotStored) -> RpcError {
    match reason {
        NotStored::Full(full) => RpcError::overloaded(format!(
            "The effects of the call cannot be stored: {full}; try again later"
        )),
        NotStored::Store => RpcError::overloaded(
            "The effects of the call cannot be stored: the store of the replicas failed; try again later",
        ),
    }
}

impl Round {
    fn begin(journal: Journal, responses: Map<String, Value>) -> Box<Mutex<Self>> {
        Box::new(Mutex::new(Self {
            journal,
            responses,
            ..Self::default()
        }))
    }

    /// Takes the client's response to this question, if there is one.
    fn take_response(&mut self, id: &QuestionKey, question: &Question) -> Option<Value> {
        if let Some(answer) = self.delivered.get_mut(id).and_then(VecDeque::pop_front) {
            return Some(answer);
        }
        let names = &self.journal.names;
        // A client may answer a question by the name that the handler chose before the question was asked.
        let chosen = || {
            let key = question.key.as_ref();
            key.filter(|key| !names.values().any(|name| name == *key))
        };
        self.responses.remove(names.get(id).or_else(chosen)?)
    }

    /// Returns the open questions by name. A question that was asked before keeps its name, and all names are unique.
    fn requests(&mut self) -> Map<String, Value> {
        let (mut requests, mut names) = (Map::new(), BTreeMap::new());
        let known = &self.journal.names;
        self.open.sort_by_key(|(id, _)| !known.contains_key(id));
        for (id, question) in &self.open {
            let base = known.get(id).cloned();
            let base = base.unwrap_or_else(|| question.name(id));
            let mut name = base.clone();
            let mut number = 1;
            while requests.contains_key(&name) {
                number += 1;
                name = format!("{base}-{number}");
            }
            let request = json!({ "method": question.method(), "params": question.params });
            requests.insert(name.clone(), request);
            names.insert(id.clone(), name);
        }
        self.journal.names = names;
        requests
    }
}

/// A question of the stateless era. Its answer is either already available or never arrives in this attempt of the call.
/// Dropping this withdraws the question.
pub(crate) struct OpenQuestion<'q> {
    questions: &'q Questions,
    id: QuestionKey,
    question: Question,
}

impl OpenQuestion<'_> {
    /// Returns the answer as parsed by `read`. If there is no valid answer, the question is open from now on.
    pub(crate) fn poll_answer<T>(
        &self,
        waker: &Waker,
        read: impl Fn(&Value) -> Option<Result<T, AskError>>,
    ) -> Poll<Result<T, AskError>> {
        let Self { id, question, .. } = self;
        let mut round = self.questions.round();
        if let Some(value) = round.journal.answers.get(id) {
            let answer =
                refused::refusal(value).map_or_else(|| read(value), |error| Some(Err(error)));
            return Poll::Ready(answer.unwrap_or(Err(AskError::Invalid)));
        }
        while let Some(value) = round.take_response(id, question) {
            let answer =
                refused::refusal(&value).map_or_else(|| read(&value), |error| Some(Err(error)));
            if let Some(answer) = answer {
                round.journal.answers.insert(id.clone(), value);
                return Poll::Ready(answer);
            }
            let misses = round.journal.misses.entry(id.clone()).or_default();
            *misses = misses.saturating_add(1);
        }
        if round.journal.misses.get(id) >= Some(&MAX_INVALID_ANSWERS) {
            return Poll::Ready(Err(AskError::Invalid));
        }
        round.keep_waker(waker);
        if !round.open.iter().any(|(open, _)| open == id) {
            round.open.push((id.clone(), question.clone()));
        }
        Poll::Pending
    }
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        let mut round = self.questions.round();
        round.open.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests;
