//! Questions that a function declares with `#[ask]`: answered before its body runs, all in one round.

use std::future::{IntoFuture, poll_fn};
use std::task::{Context as Task, Poll, ready};

use futures_core::future::BoxFuture;

use super::fields::Elicit;
use crate::call::Call;
use crate::context::Context;
use crate::error::AskError;
use crate::opaque::opaque_debug;

/// A type that an `#[ask("..")]` parameter can have. The function runs once, when all its questions are answered.
///
/// | type | no answer |
/// |---|---|
/// | a form `T` | the call fails with the [`AskError`] |
/// | `Option<T>` | `None` if the user declines or goes away; otherwise the call fails |
/// | `Result<T, AskError>` | the function decides |
///
/// ```
/// use mcp_runtime::{AskError, prelude::*};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Booking {
///     time: String,
///     people: u8,
/// }
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Contact {
///     phone: String,
/// }
///
/// /// Book a table.
/// #[tool]
/// async fn book(
///     restaurant: String,
///     #[ask("When, and for how many?")] booking: Booking,
///     #[ask("Where can they call you?", key = "contact")] contact: Option<Contact>,
/// ) -> String {
///     let phone = contact.map_or("no phone".to_owned(), |contact| contact.phone);
///     format!("{restaurant}, {}, for {}, {phone}", booking.time, booking.people)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer to a question",
    label = "not a form that the protocol can ask for",
    note = "a form is a struct with `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`",
    note = "to go on without an answer, take an `Option<T>` or `Result<T, mcp_runtime::AskError>` of a form `T`"
)]
pub trait AskParam: Sized + 'static {
    /// What the user fills in.
    type Form: Elicit;

    /// Makes the parameter of what came of the question.
    ///
    /// # Errors
    /// The call cannot go on with this.
    fn from_outcome(outcome: Result<Self::Form, AskError>) -> Result<Self, AskError>;
}

#[diagnostic::do_not_recommend]
impl<T: Elicit> AskParam for T {
    type Form = T;

    fn from_outcome(outcome: Result<T, AskError>) -> Result<Self, AskError> {
        outcome
    }
}

#[diagnostic::do_not_recommend]
impl<T: Elicit> AskParam for Result<T, AskError> {
    type Form = T;

    fn from_outcome(outcome: Self) -> Result<Self, AskError> {
        Ok(outcome)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Elicit> AskParam for Option<T> {
    type Form = T;

    fn from_outcome(outcome: Result<T, AskError>) -> Result<Self, AskError> {
        match outcome {
            Ok(form) => Ok(Some(form)),
            Err(AskError::Declined | AskError::Cancelled) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A question that a parameter asks, and its answer once there is one.
pub struct Asking<P> {
    question: BoxFuture<'static, Result<P, AskError>>,
    answer: Option<P>,
}

opaque_debug!(Asking<P>);

impl<P: AskParam> Asking<P> {
    pub(crate) fn new(call: &Call, message: &str, key: Option<&str>) -> Self {
        let mut elicitation = Context::of(&call.call_context).elicit::<P::Form>(message);
        elicitation.key = key.map(str::to_owned);
        let outcome = elicitation.into_future();
        Self {
            question: Box::pin(async move { P::from_outcome(outcome.await) }),
            answer: None,
        }
    }
}

// Of any type, so that one that cannot be an answer is reported where it is asked for, and not here once more.
impl<P> Asking<P> {
    /// The answer, if there is one.
    #[doc(hidden)]
    pub fn take(self) -> Option<P> {
        self.answer
    }
}

/// A question of any type.
pub trait Asked {
    /// Asks, or asks after the answer. An error says that the call cannot go on.
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<(), AskError>>;
}

impl<P> Asked for Asking<P> {
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<(), AskError>> {
        if self.answer.is_none() {
            self.answer = Some(ready!(self.question.as_mut().poll(task))?);
        }
        Poll::Ready(Ok(()))
    }
}

/// Asks side by side until all is answered, or one outcome ends the call.
pub(crate) async fn all(questions: &mut [&mut (dyn Asked + Send)]) -> Result<(), AskError> {
    let poll = |task: &mut Task<'_>| {
        let mut all = Poll::Ready(Ok(()));
        for question in questions.iter_mut() {
            if question.poll(task)?.is_pending() {
                all = Poll::Pending;
            }
        }
        all
    };
    poll_fn(poll).await
}
