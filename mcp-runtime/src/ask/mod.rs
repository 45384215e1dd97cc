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
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use serde_json::Value;

pub(crate) use declared::all;
pub use declared::{AskParam, Asked, Asking};
pub use elicit::{Elicitation, UrlElicitation};
pub use fields::{Answerable, Elicit, ElicitChoice, ElicitField};
pub use roots::Root;
pub use sample::{Sample, Sampling};

use crate::call::{Asker, CallContext, is_current};
use crate::context::Context;
use crate::error::AskError;
use crate::protocol::capability::Capability;
use crate::questions::{Counted, PATIENCE, Question};

/// Asks, and gives what `read` makes of the answer: `None` says that it is none to this question.
async fn ask<T>(
    context: &Context,
    question: Question,
    read: impl Fn(&Value) -> Option<Result<T, AskError>> + Send + Sync,
) -> Result<T, AskError> {
    let call = context.call_context();
    if !call.can(question.needs) {
        return Err(lacking(call, question.needs).await);
    }
    match &call.asker {
        Asker::Nobody => Err(AskError::CannotBeAsked(question.needs)),
        Asker::Replay(questions) => {
            let answer = async {
                let asked = questions.begin(question);
                // The call is given up while this is pending, so that nobody needs to be woken.
                poll_fn(|_| asked.look(&read)).await
            };
            within(call, answer).await?
        }
        Asker::Live { session, waiting } => {
            let _waits = Counted::new(waiting);
            let (live, outbound) = (&call.server.pending_requests, &**call.notifier.outbound());
            for _ in 0..PATIENCE {
                let answer = within(call, live.ask(*session, outbound, &question)).await??;
                if let Some(answer) = read(&answer) {
                    return answer;
                }
            }
            Err(AskError::Invalid)
        }
    }
}

/// The client lacks what a question needs. Those side by side are asked first, so that it can be told of all that it lacks.
async fn lacking(call: &CallContext, capability: Capability) -> AskError {
    if let Some(questions) = call.asker.replay() {
        questions.lack(capability);
        tokio::task::yield_now().await;
    }
    AskError::CannotBeAsked(capability)
}

/// Waits for something, as a part of a call.
async fn within<T>(call: &Arc<CallContext>, what: impl Future<Output = T>) -> Result<T, AskError> {
    let mut what = pin!(what);
    let poll = |task: &mut Task<'_>| {
        if !is_current(call) {
            return Poll::Ready(Err(AskError::OutsideCall));
        }
        what.as_mut().poll(task).map(Ok)
    };
    poll_fn(poll).await
}
