//! Asking the client: one API for both eras.
//!
//! A client with a session is asked while the call waits. A stateless one gets the question as the call's answer, and the
//! call begins anew with the answer at hand: see [`Context`](crate::Context#questions).

mod declared;
mod elicit;
mod fields;
mod form;
mod once;
mod roots;
mod sample;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use serde_json::Value;

pub(crate) use declared::all;
pub use declared::{AskParam, Asked, Asking};
pub use elicit::{Elicitation, UrlElicitation};
pub use fields::{Answerable, Elicit, ElicitChoice, ElicitField};
pub use roots::Root;
pub use sample::{Sample, Sampling};

use crate::call::{Surroundings, WaitingFor, Way, is_current};
use crate::error::AskError;
use crate::questions::{Answer, Found, LiveAnswer, PATIENCE, Place, Question, Questions};

/// Asks, and gives an answer that is valid.
async fn ask(
    call: &Arc<Surroundings>,
    question: Question,
    is_valid: impl Fn(&Value) -> bool + Send + Sync,
) -> Result<Value, AskError> {
    if !call.can(question.needs) {
        return Err(AskError::CannotBeAsked(question.needs));
    }
    match &call.way {
        Way::Nobody => Err(AskError::CannotBeAsked(question.needs)),
        Way::Replay(questions) => {
            let waiting = Waiting {
                call,
                questions,
                question,
                is_valid,
                place: None,
            };
            waiting.await
        }
        Way::Live {
            live,
            session,
            patience,
            waiting,
        } => {
            let _waits = WaitingFor::answer(waiting);
            for _ in 0..PATIENCE {
                let asked = live.ask(*session, call.notifier.outbound(), &question, *patience);
                let mut answer = asked.ok_or(AskError::CannotBeAsked(question.needs))?;
                match poll_fn(|task| poll_live(call, &mut answer, task)).await? {
                    None => return Err(AskError::TimedOut),
                    Some(Err(reason)) => return Err(AskError::Refused(reason)),
                    Some(Ok(value)) if is_valid(&value) => return Ok(value),
                    Some(Ok(_)) => {}
                }
            }
            Err(AskError::Invalid)
        }
    }
}

fn poll_live(
    call: &Arc<Surroundings>,
    answer: &mut LiveAnswer,
    task: &mut Task<'_>,
) -> Poll<Result<Option<Answer>, AskError>> {
    if !is_current(call) {
        return Poll::Ready(Err(AskError::OutsideCall));
    }
    Pin::new(answer).poll(task).map(Ok)
}

/// A question of the stateless era: it has its answer already, or never gets one in this attempt of the call.
struct Waiting<'q, F> {
    call: &'q Arc<Surroundings>,
    questions: &'q Questions,
    question: Question,
    is_valid: F,
    place: Option<Place>,
}

impl<F> Unpin for Waiting<'_, F> {}

impl<F: Fn(&Value) -> bool> Future for Waiting<'_, F> {
    type Output = Result<Value, AskError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !is_current(this.call) {
            return Poll::Ready(Err(AskError::OutsideCall));
        }
        let place = this
            .place
            .get_or_insert_with(|| this.questions.begin(&this.question));
        // The call is given up while this is pending, so that nobody needs to be woken.
        match this.questions.look(place, &this.question, &this.is_valid) {
            Found::Answer(value) => Poll::Ready(Ok(value)),
            Found::Hopeless => Poll::Ready(Err(AskError::Invalid)),
            Found::Open => Poll::Pending,
        }
    }
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            self.questions.withdraw(place);
        }
    }
}
