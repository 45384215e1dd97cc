//! Questions that a handler asks its client, and how the answers get back.
//!
//! A client with a session is asked at once, by a request on the call's own stream ([`Live`]). In the stateless era the
//! call is answered with its open questions and begins anew when the client has the answers ([`Round`]): what was
//! answered before comes from the [`Journal`], which the client carries, sealed.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr>.

mod effects;
mod journal;
mod live;

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::protocol::capability::Capability;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::push_json;
use crate::seal::Sealer;
use crate::service::Origin;
use crate::store::{Full, Store, StoreEntry, now};
use crate::sync::{Mutex, MutexGuard};

use effects::Chains;
pub(crate) use effects::Effects;
pub(crate) use journal::Place;
use journal::{Entry, Journal};
pub(crate) use live::Live;

/// So many answers to one question may be invalid.
pub(crate) const PATIENCE: u8 = 3;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    /// The parameters, as JSON.
    pub(crate) params: String,
    /// What a client must be able to do to answer.
    pub(crate) needs: Capability,
    /// The name of the question on the wire, if the handler chose one.
    pub(crate) key: Option<String>,
}

impl Question {
    /// Tells the question from others. It is no secret and guards nothing.
    fn digest(&self) -> String {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, self.method, &self.params, &self.key).hash(&mut hasher);
            hasher.finish()
        };
        format!("{:016x}{:016x}", half(0), half(1))
    }

    /// Its name on the wire, unless another question has it.
    fn name(&self, place: &Place) -> String {
        let made = || format!("q-{}", &place.digest[..12]);
        self.key.clone().unwrap_or_else(made)
    }
}

/// What all calls of the stateless era need to ask.
pub(crate) struct Replay {
    /// Seals what clients carry.
    sealer: Arc<Sealer>,
    chains: Chains,
    /// Which states were used, if each may serve once only.
    used: Option<Arc<dyn Store>>,
    /// How long an answer may take.
    patience: Duration,
    warned: AtomicBool,
}

impl Replay {
    pub(crate) fn new(
        sealer: Arc<Sealer>,
        patience: Duration,
        used: Option<Arc<dyn Store>>,
    ) -> Self {
        Self {
            sealer,
            chains: Chains::default(),
            used,
            patience,
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
}

/// One attempt of a call: what is answered already, and what is open.
struct Round {
    journal: Journal,
    /// What the client sent with this attempt and nobody has taken yet.
    responses: Map<String, Value>,
    /// What the client lacks to be asked what it should have been.
    lacking: Vec<Capability>,
    /// How often each question was asked in this attempt.
    asked: HashMap<String, u32>,
    open: Vec<Open>,
    /// If the call has any.
    effects: Option<Arc<Effects>>,
    /// There is no room to remember its effects, so that none happens.
    full: Option<Full>,
    /// Effects that are under way: they are finished before the call is given up.
    busy: usize,
}

/// An effect that is under way.
pub(crate) struct Busy<'q>(&'q Questions);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.round().busy -= 1;
    }
}

struct Open {
    place: Place,
    question: Question,
}

/// What has become of a question.
#[derive(Debug)]
pub(crate) enum Found {
    Answer(Value),
    /// The client was asked often enough.
    Hopeless,
    /// It is open, and the call has to begin anew.
    Open,
}

impl Questions {
    pub(crate) fn new(replay: Arc<Replay>) -> Self {
        Self {
            replay,
            round: OnceLock::new(),
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
        let _ = self
            .round
            .set(Box::new(Mutex::new(Round::new(journal, responses))));
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
            .get_or_init(|| Box::new(Mutex::new(Round::new(Journal::new(), Map::new()))))
            .lock()
    }

    /// Takes the next place among equal questions.
    pub(crate) fn begin(&self, question: &Question) -> Place {
        let digest = question.digest();
        let mut round = self.round();
        let count = round.asked.entry(digest.clone()).or_default();
        let ordinal = *count;
        *count += 1;
        Place { digest, ordinal }
    }

    /// Looks for the answer to a question; `is_valid` judges what the client sent. If there is none, the question is
    /// open from now on.
    pub(crate) fn look(
        &self,
        place: &Place,
        question: &Question,
        is_valid: impl Fn(&Value) -> bool,
    ) -> Found {
        self.round().look(place, question, is_valid)
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

    /// Takes an open question back: nobody waits for it any longer.
    pub(crate) fn withdraw(&self, place: &Place) {
        if let Some(round) = self.round.get() {
            let mut round = round.lock();
            round.open.retain(|open| open.place != *place);
        }
    }

    /// The effects of this call, in all its attempts. `None` if they cannot be remembered: the call is given up then.
    pub(crate) fn effects(&self, origin: &Origin) -> Option<Arc<Effects>> {
        let mut round = self.round();
        if round.effects.is_none() {
            let journal = &round.journal;
            let effects = Arc::<Effects>::default();
            effects.learn(&journal.effects);
            // What no client carries cannot be sent again either.
            let kept = match journal.expires {
                Some(expires) => {
                    let chains = &self.replay.chains;
                    chains.keep(&journal.chain, effects, origin.owner(None), expires)
                }
                None => Ok(effects),
            };
            match kept {
                Ok(effects) => {
                    effects.learn(&round.journal.effects);
                    round.effects = Some(effects);
                }
                Err(full) => round.full = Some(full),
            }
        }
        round.effects.clone()
    }

    /// Records what an effect came to.
    pub(crate) fn record(&self, effects: &Effects, key: &str, outcome: Value) {
        let bytes = effects.record(key, outcome);
        self.replay.chains.grow(&self.round().journal.chain, bytes);
    }

    /// Notes that an effect is under way, until what this gives is dropped.
    pub(crate) fn begin_effect(&self) -> Busy<'_> {
        self.round().busy += 1;
        Busy(self)
    }

    /// Whether the call has questions that are open, and nothing that must be finished before they are sent.
    pub(crate) fn are_open(&self) -> bool {
        self.round.get().is_some_and(|round| {
            let round = round.lock();
            (!round.open.is_empty() || round.full.is_some()) && round.busy == 0
        })
    }

    /// The members `inputRequests` and `requestState` of the result that asks.
    ///
    /// # Errors
    /// What has to be carried is too large, or could not be sealed; or effects cannot be remembered.
    pub(crate) fn ask(&self, message: &str, origin: &Origin) -> Result<String, RpcError> {
        let mut round = self.round();
        let round = &mut *round;
        if let Some(full) = round.full {
            return Err(forgetful(full));
        }
        let mut members = String::from("\"inputRequests\":{");
        let mut asked = Vec::new();
        for (key, open) in round.name() {
            if !asked.is_empty() {
                members.push(',');
            }
            push_json(&mut members, &key);
            members.push_str(":{\"method\":");
            push_json(&mut members, open.question.method);
            members.push_str(",\"params\":");
            members.push_str(&open.question.params);
            members.push('}');
            asked.push((key, open.place.clone()));
        }
        round.journal.asked = asked;
        if let Some(effects) = &round.effects {
            round.journal.effects = effects.outcomes();
        }
        members.push_str("},\"requestState\":");
        let Replay {
            sealer,
            chains,
            patience,
            ..
        } = &*self.replay;
        self.replay.warn_if_alone();
        let (state, expires) = round.journal.seal(sealer, message, *patience)?;
        if let Some(effects) = &round.effects {
            let effects = Arc::clone(effects);
            chains
                .keep(&round.journal.chain, effects, origin.owner(None), expires)
                .map_err(forgetful)?;
        }
        push_json(&mut members, &state);
        Ok(members)
    }
}

/// Effects cannot be remembered.
fn forgetful(full: Full) -> RpcError {
    RpcError::overloaded(format!(
        "What the call did already cannot be remembered: {full}; try again later"
    ))
}

impl Round {
    fn new(journal: Journal, responses: Map<String, Value>) -> Self {
        Self {
            journal,
            responses,
            lacking: Vec::new(),
            asked: HashMap::new(),
            open: Vec::new(),
            effects: None,
            full: None,
            busy: 0,
        }
    }

    fn look(
        &mut self,
        place: &Place,
        question: &Question,
        is_valid: impl Fn(&Value) -> bool,
    ) -> Found {
        if let Some(value) = self.journal.answer(place) {
            return Found::Answer(value.clone());
        }
        if let Some(value) = self.take_response(place, question) {
            if is_valid(&value) {
                self.journal.answers.push(Entry {
                    place: place.clone(),
                    value: value.clone(),
                });
                return Found::Answer(value);
            }
            self.journal.miss(place);
        }
        if self.journal.misses(place) >= PATIENCE {
            return Found::Hopeless;
        }
        if !self.open.iter().any(|open| open.place == *place) {
            self.open.push(Open {
                place: place.clone(),
                question: question.clone(),
            });
        }
        Found::Open
    }

    /// Takes the client's answer, if it is one to this very question.
    fn take_response(&mut self, place: &Place, question: &Question) -> Option<Value> {
        let key = match self.journal.name(place) {
            Some(key) => key,
            // A name that the handler chose is known without having been asked.
            None => question
                .key
                .as_ref()
                .filter(|key| !self.journal.knows(key))?,
        };
        self.responses.remove(key)
    }

    /// Names the open questions: what was asked before keeps its name, and no two have the same.
    fn name(&self) -> Vec<(String, &Open)> {
        let name = |open: &Open| self.journal.name(&open.place).cloned();
        let mut named: Vec<(String, &Open)> = self
            .open
            .iter()
            .filter_map(|open| Some((name(open)?, open)))
            .collect();
        for open in self.open.iter().filter(|open| name(open).is_none()) {
            let base = open.question.name(&open.place);
            let mut key = base.clone();
            let mut number = 1;
            while named.iter().any(|(taken, _)| *taken == key) {
                number += 1;
                key = format!("{base}-{number}");
            }
            named.push((key, open));
        }
        named
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
        let question = Question {
            method: "roots/list",
            params: "{}".to_owned(),
            needs: Capability::Roots,
            key: None,
        };
        let place = questions.begin(&question);
        questions.look(&place, &question, |_| true);
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
        questions.record(&effects, "key", 1.into());
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
