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
use std::pin::{Pin, pin};
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
use crate::protocol::capability::Capability;
use crate::questions::{Found, PATIENCE, Place, Question, Questions};

/// Asks, and gives an answer that is valid.
async fn ask(
    call: &Arc<Surroundings>,
    question: Question,
    is_valid: impl Fn(&Value) -> bool + Send + Sync,
) -> Result<Value, AskError> {
    if !call.can(question.needs) {
        return Err(lacking(call, question.needs).await);
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
            if !within(call, live.may_ask(*session, *patience)).await? {
                return Err(AskError::TimedOut);
            }
            for _ in 0..PATIENCE {
                let asked = live.ask(*session, call.notifier.outbound(), &question, *patience);
                let asked = asked.ok_or(AskError::CannotBeAsked(question.needs))?;
                let answer = within(call, asked).await?.ok_or(AskError::TimedOut)??;
                if is_valid(&answer) {
                    return Ok(answer);
                }
            }
            Err(AskError::Invalid)
        }
    }
}

/// The client lacks what a question needs. Those side by side are asked first, so that it can be told of all that it lacks.
async fn lacking(call: &Surroundings, capability: Capability) -> AskError {
    if let Way::Replay(questions) = &call.way {
        questions.lack(capability);
        tokio::task::yield_now().await;
    }
    AskError::CannotBeAsked(capability)
}

/// Waits for something, as a part of a call.
async fn within<T>(call: &Arc<Surroundings>, what: impl Future<Output = T>) -> Result<T, AskError> {
    let mut what = pin!(what);
    let poll = |task: &mut Task<'_>| {
        if !is_current(call) {
            return Poll::Ready(Err(AskError::OutsideCall));
        }
        what.as_mut().poll(task).map(Ok)
    };
    poll_fn(poll).await
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
