//! Questions that a handler asks its client, and how the answers get back.
//!
//! A client with a session is asked at once, by a request on the call's own stream ([`PendingRequests`]). In the stateless era the
//! call is answered with its open questions and begins anew when the client has the answers ([`Round`]): what was
//! answered before comes from the [`Journal`], which the client carries, sealed.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr>.

mod effects;
mod journal;
mod pending;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::AskError;
use crate::protocol::capability::Capability;
use crate::protocol::error::RpcError;
use crate::seal::Sealer;
use crate::service::Origin;
use crate::store::{Full, Store, StoreEntry, now};
use crate::sync::{Mutex, MutexGuard};

use effects::Chains;
pub(crate) use effects::Effects;
use journal::{Journal, QuestionKey};
pub(crate) use pending::PendingRequests;

/// So many answers to one question may be invalid.
pub(crate) const MAX_INVALID_ANSWERS: u8 = 3;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// What a client must be able to do to answer.
    pub(crate) needs: Capability,
    params: Value,
    /// The name of the question on the wire, if the handler chose one.
    key: Option<String>,
}

impl Question {
    pub(crate) fn new(needs: Capability, params: Value, key: Option<String>) -> Self {
        Self { needs, params, key }
    }

    fn method(&self) -> &'static str {
        match self.needs {
            Capability::Roots => "roots/list",
            Capability::Sampling => "sampling/createMessage",
            Capability::ElicitationForm | Capability::ElicitationUrl => "elicitation/create",
        }
    }

    /// Tells the question from others. It is no secret and guards nothing.
    fn digest(&self) -> String {
        let params = self.params.to_string();
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, self.method(), &params, &self.key).hash(&mut hasher);
            hasher.finish()
        };
        format!("{:016x}{:016x}", half(0), half(1))
    }

    /// Its name on the wire, unless another question has it.
    fn name(&self, place: &QuestionKey) -> String {
        let made = || format!("q-{}", &place[..12]);
        self.key.clone().unwrap_or_else(made)
    }
}

/// Counts what is under way, until it is dropped.
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

/// What all calls of the stateless era need to ask.
pub(crate) struct Replay {
    /// Seals what clients carry.
    pub(crate) sealer: Arc<Sealer>,
    chains: Chains,
    /// Which states were used, if each may serve once only.
    used: Option<Arc<dyn Store>>,
    /// How long an answer may take.
    answer_timeout: Duration,
    warned: AtomicBool,
}

impl Replay {
    pub(crate) fn new(
        sealer: Arc<Sealer>,
        answer_timeout: Duration,
        used: Option<Arc<dyn Store>>,
    ) -> Self {
        Self {
            sealer,
            chains: Chains::default(),
            used,
            answer_timeout,
            warned: AtomicBool::new(false),
        }
    }

    /// Says once that no other process can open what is sealed.
    fn warn_if_alone(&self) {
        if !self.sealer.is_lasting() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a question is sealed with a key that ends with this process: replicas need a shared one, see \
                 `Server::session_keys`"
            );
        }
    }
}

/// The questions of one call in the stateless era.
pub(crate) struct Questions {
    replay: Arc<Replay>,
    /// Few calls ask.
    round: OnceLock<Box<Mutex<Round>>>,
    /// Effects that are under way: they are finished before the call is given up.
    busy: AtomicUsize,
}

/// One attempt of a call: what is answered already, and what is open.
#[derive(Default)]
struct Round {
    journal: Journal,
    /// What the client sent with this attempt and nobody has taken yet.
    responses: Map<String, Value>,
    /// What the client lacks to be asked what it should have been.
    lacking: Vec<Capability>,
    /// How often each question was asked in this attempt.
    asked: HashMap<String, u32>,
    open: Vec<(QuestionKey, Question)>,
    /// If the call has any. Where there is no room to remember them, none happens.
    effects: Option<Result<Arc<Effects>, Full>>,
}

impl Questions {
    pub(crate) fn new(replay: Arc<Replay>) -> Self {
        Self {
            replay,
            round: OnceLock::new(),
            busy: AtomicUsize::new(0),
        }
    }

    /// Reads what the client sent along: its answers, and the state of the attempts before.
    ///
    /// # Errors
    /// The state was not issued for this request, has expired, or the answers are none.
    pub(crate) fn resume(
        &self,
        message: &str,
        state: Option<&str>,
        responses: Option<&str>,
    ) -> Result<(), RpcError> {
        let journal = match state {
            None => Journal::new(),
            Some(state) => {
                let token: String = serde_json::from_str(state).map_err(|_| {
                    RpcError::invalid_params("`params.requestState` must be a string")
                })?;
                Journal::open(&self.replay.sealer, message, &token).ok_or_else(|| {
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

    /// If the state that the client sent may serve once only: what has to come first, and may refuse it.
    pub(crate) fn redeem(
        &self,
        origin: &Origin,
    ) -> Option<impl Future<Output = Result<(), RpcError>> + Send + use<>> {
        let used = Arc::clone(self.replay.used.as_ref()?);
        let round = self.round.get()?.lock();
        let journal = &round.journal;
        let owner = origin.owner(None);
        let (id, expires) = (format!("state-{}", journal.id), journal.expires?);
        Some(async move {
            let time_to_live = Duration::from_millis(expires.saturating_sub(now()));
            let entry = StoreEntry {
                value: &[],
                time_to_live,
                owner,
            };
            match used.put_if_absent(&id, entry).await {
                // What has expired meanwhile may have been forgotten.
                Ok(is_first) if is_first && now() < expires => Ok(()),
                Ok(_) => Err(RpcError::invalid_params(
                    "`params.requestState` was used before, or has expired, and serves once only: send the request again \
                     without it",
                )),
                Err(error) => {
                    tracing::error!(%error, "a state is refused: nobody can tell whether it was used before");
                    Err(RpcError::overloaded(
                        "It cannot be told whether `params.requestState` was used before: try again later",
                    ))
                }
            }
        })
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.round
            .get_or_init(|| Round::begin(Journal::new(), Map::new()))
            .lock()
    }

    /// Begins a question: the next among equal ones.
    pub(crate) fn begin(&self, question: Question) -> OpenQuestion<'_> {
        let digest = question.digest();
        let mut round = self.round();
        let count = round.asked.entry(digest.clone()).or_default();
        *count += 1;
        OpenQuestion {
            questions: self,
            place: format!("{digest}-{count}"),
            question,
        }
    }

    /// Notes that the client lacks what a question needs.
    pub(crate) fn lack(&self, capability: Capability) {
        let lacking = &mut self.round().lacking;
        if !lacking.contains(&capability) {
            lacking.push(capability);
        }
    }

    /// What the client lacked to be asked in this attempt.
    pub(crate) fn lacking(&self) -> Vec<Capability> {
        let round = self.round.get();
        round.map_or_else(Vec::new, |round| round.lock().lacking.clone())
    }

    /// The effects of this call, in all its attempts. `None` if they cannot be remembered: the call is given up then.
    pub(crate) fn effects(&self, origin: &Origin) -> Option<Arc<Effects>> {
        let mut round = self.round();
        let Round {
            journal, effects, ..
        } = &mut *round;
        let find = || {
            let mut effects = Arc::<Effects>::default();
            effects.learn(&journal.effects);
            // What no client carries cannot be sent again either.
            if let Some(expires) = journal.expires {
                let chains = &self.replay.chains;
                effects = chains.keep(&journal.chain, effects, origin.owner(None), expires)?;
                effects.learn(&journal.effects);
            }
            Ok(effects)
        };
        effects.get_or_insert_with(find).as_ref().ok().cloned()
    }

    /// Counts what an effect came to.
    pub(crate) fn record(&self, key: &str, outcome: &Value) {
        let chain = &self.round().journal.chain;
        self.replay.chains.grow(chain, key, outcome);
    }

    /// Notes that an effect is under way, until what this gives is dropped.
    pub(crate) fn begin_effect(&self) -> Counted<'_> {
        Counted::new(&self.busy)
    }

    /// Whether the call has questions that are open, and nothing that must be finished before they are sent.
    pub(crate) fn are_open(&self) -> bool {
        self.round.get().is_some_and(|round| {
            let round = round.lock();
            let waits = !round.open.is_empty() || matches!(round.effects, Some(Err(_)));
            waits && self.busy.load(Ordering::Relaxed) == 0
        })
    }

    /// The members `inputRequests` and `requestState` of the result that asks.
    ///
    /// # Errors
    /// What has to be carried is too large, or could not be sealed; or effects cannot be remembered.
    pub(crate) fn ask(&self, message: &str, origin: &Origin) -> Result<String, RpcError> {
        let mut round = self.round();
        let effects = round.effects.clone().transpose().map_err(forgetful)?;
        let requests = Value::from(round.requests());
        if let Some(effects) = &effects {
            round.journal.effects = effects.outcomes();
        }
        let replay = &*self.replay;
        replay.warn_if_alone();
        let journal = &mut round.journal;
        let (state, expires) = journal.seal(&replay.sealer, message, replay.answer_timeout)?;
        if let Some(effects) = effects {
            let owner = origin.owner(None);
            let kept = replay.chains.keep(&journal.chain, effects, owner, expires);
            kept.map_err(forgetful)?;
        }
        let state = Value::from(state);
        Ok(format!(
            "\"inputRequests\":{requests},\"requestState\":{state}"
        ))
    }
}

/// Effects cannot be remembered.
fn forgetful(full: Full) -> RpcError {
    RpcError::overloaded(format!(
        "What the call did already cannot be remembered: {full}; try again later"
    ))
}

impl Round {
    fn begin(journal: Journal, responses: Map<String, Value>) -> Box<Mutex<Self>> {
        Box::new(Mutex::new(Self {
            journal,
            responses,
            ..Self::default()
        }))
    }

    /// Takes the client's answer, if it is one to this very question.
    fn take_response(&mut self, place: &QuestionKey, question: &Question) -> Option<Value> {
        let names = &self.journal.names;
        // A name that the handler chose is known without having been asked.
        let chosen = || {
            let key = question.key.as_ref();
            key.filter(|key| !names.values().any(|name| name == *key))
        };
        self.responses.remove(names.get(place).or_else(chosen)?)
    }

    /// Names the open questions: what was asked before keeps its name, and no two have the same.
    fn requests(&mut self) -> Map<String, Value> {
        let (mut requests, mut names) = (Map::new(), BTreeMap::new());
        let known = &self.journal.names;
        self.open
            .sort_by_key(|(place, _)| !known.contains_key(place));
        for (place, question) in &self.open {
            let base = known.get(place).cloned();
            let base = base.unwrap_or_else(|| question.name(place));
            let mut name = base.clone();
            let mut number = 1;
            while requests.contains_key(&name) {
                number += 1;
                name = format!("{base}-{number}");
            }
            let request = json!({ "method": question.method(), "params": question.params });
            requests.insert(name.clone(), request);
            names.insert(place.clone(), name);
        }
        self.journal.names = names;
        requests
    }
}

/// A question of the stateless era: it has its answer already, or never gets one in this attempt of the call. When this is
/// dropped nobody waits for it any longer.
pub(crate) struct OpenQuestion<'q> {
    questions: &'q Questions,
    place: QuestionKey,
    question: Question,
}

impl OpenQuestion<'_> {
    /// Looks for the answer, which `read` takes, or not. If there is none, the question is open from now on.
    pub(crate) fn look<T>(
        &self,
        read: impl Fn(&Value) -> Option<Result<T, AskError>>,
    ) -> Poll<Result<T, AskError>> {
        let Self {
            place, question, ..
        } = self;
        let mut round = self.questions.round();
        if let Some(value) = round.journal.answers.get(place) {
            return Poll::Ready(read(value).unwrap_or(Err(AskError::Invalid)));
        }
        if let Some(value) = round.take_response(place, question) {
            if let Some(answer) = read(&value) {
                round.journal.answers.insert(place.clone(), value);
                return Poll::Ready(answer);
            }
            let misses = round.journal.misses.entry(place.clone()).or_default();
            *misses = misses.saturating_add(1);
        }
        if round.journal.misses.get(place) >= Some(&MAX_INVALID_ANSWERS) {
            return Poll::Ready(Err(AskError::Invalid));
        }
        if !round.open.iter().any(|(open, _)| open == place) {
            round.open.push((place.clone(), question.clone()));
        }
        Poll::Pending
    }
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        let mut round = self.questions.round();
        round.open.retain(|(place, _)| *place != self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Owner;
    use crate::protocol::error::INTERNAL_ERROR;

    const MESSAGE: &str = r#"{"id":1,"method":"tools/call","params":{"name":"x"}}"#;

    fn replay() -> Arc<Replay> {
        let sealer = Arc::new(Sealer::from_keys(&[[1; 32]]).expect("a key"));
        Arc::new(Replay::new(sealer, Duration::from_secs(60), None))
    }

    /// Keeps as many effects as can be kept.
    fn fill(replay: &Replay) {
        let keep = |number: usize| {
            let chain = number.to_string();
            let later = now() + 60_000;
            let chains = &replay.chains;
            chains.keep(&chain, Arc::default(), Owner::Local, later)
        };
        assert!((0..1_000_000).any(|number| keep(number).is_err()));
    }

    /// A call that asks a question, and the state that it was answered with.
    fn asked(questions: &Questions) -> Result<String, RpcError> {
        let asked = questions.begin(Question::new(Capability::Roots, json!({}), None));
        assert!(asked.look(|answer| Some(Ok(answer.clone()))).is_pending());
        let members = format!("{{{}}}", questions.ask(MESSAGE, &Origin::default())?);
        let members: Value = serde_json::from_str(&members).expect("an object");
        Ok(members["requestState"].to_string())
    }

    #[test]
    fn a_question_whose_effects_cannot_be_kept_is_refused() {
        let replay = replay();
        let questions = Questions::new(Arc::clone(&replay));
        let effects = questions
            .effects(&Origin::default())
            .expect("no client carries it yet");
        effects.learn(&BTreeMap::from([("key".to_owned(), 1.into())]));
        fill(&replay);
        let refused = asked(&questions).expect_err("it would be forgotten");
        assert_eq!(refused.code, INTERNAL_ERROR);
        assert!(asked(&Questions::new(replay)).is_ok());
    }

    #[test]
    fn an_effect_that_could_happen_again_does_not_happen() {
        let replay = replay();
        let state = asked(&Questions::new(Arc::clone(&replay))).expect("a state");
        fill(&replay);
        let again = Questions::new(replay);
        again.resume(MESSAGE, Some(&state), None).expect("resumed");
        assert!(!again.are_open());
        assert!(again.effects(&Origin::default()).is_none());
        assert!(again.are_open(), "the call is given up");
        let refused = again
            .ask(MESSAGE, &Origin::default())
            .expect_err("there is no room");
        assert_eq!(refused.code, INTERNAL_ERROR);
    }
}
