//! Questions declared with `#[ask]`. They are sent together and answered before the body of the function runs.

use std::future::{IntoFuture, poll_fn};
use std::task::{Context as Task, Poll, ready};

use futures_core::future::BoxFuture;

use super::fields::Elicit;
use crate::call::Call;
use crate::context::Context;
use crate::error::AskError;
use crate::opaque::opaque_debug;

/// A type of an `#[ask("..")]` parameter. The function runs once, after all its questions are answered.
///
/// | type | no answer |
/// |---|---|
/// | a form `T` | the call fails with the [`AskError`] |
/// | `Option<T>` | `None` if the user declines or dismisses the form; any other error fails the call |
/// | `Result<T, AskError>` | the function receives the error and handles it |
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
    /// The form that the user fills in.
    type Form: Elicit;

    /// Converts the outcome of the question into the parameter.
    ///
    /// # Errors
    /// Returns an error if the call cannot continue with this outcome.
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

/// The question of one parameter, and its answer once it has arrived.
pub struct Asking<P> {
    question: BoxFuture<'static, Result<P, AskError>>,
    answer: Option<P>,
}

opaque_debug!(Asking<P>);

impl<P: AskParam> Asking<P> {
    pub(crate) fn new(call: &Call, message: &str, key: Option<&str>) -> Self {
        let mut elicitation = Context::of(&call.context).elicit::<P::Form>(message);
        elicitation.key = key.map(str::to_owned);
        let outcome = elicitation.into_future();
        Self {
            question: Box::pin(async move { P::from_outcome(outcome.await) }),
            answer: None,
        }
    }
}

// `P` is unbounded, so that a type that is not `AskParam` is reported at its parameter only, and not here as well.
impl<P> Asking<P> {
    /// Returns the answer, if it has arrived.
    #[doc(hidden)]
    pub fn take(self) -> Option<P> {
        self.answer
    }
}

/// A type-erased [`Asking`].
pub trait Asked {
    /// Sends the question, or polls for its answer. An error ends the call.
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

/// Asks all questions concurrently, until each is answered or an error ends the call.
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
