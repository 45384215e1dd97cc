//! Questions to the client: one API for both eras.
//!
//! A client with a session is asked while the call waits. A stateless client receives the question as the result of the
//! call, and repeats the call with the answer: see [`Context`](crate::Context#questions).

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
use std::sync::atomic::Ordering;
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
use crate::questions::{Counted, MAX_INVALID_ANSWERS, Question};

/// Polls futures that ask questions, until all have an answer or one fails. Questions that are asked together are one round.
#[cfg(feature = "proxy")]
pub(crate) async fn relay_all<F>(asking: Vec<F>) -> Result<Vec<Value>, AskError>
where
    F: Future<Output = Result<Value, AskError>>,
{
    let mut asking: Vec<_> = asking.into_iter().map(|it| (Box::pin(it), None)).collect();
    poll_fn(|task| {
        for (future, answer) in &mut asking {
            if answer.is_none()
                && let Poll::Ready(given) = future.as_mut().poll(task)
            {
                *answer = Some(given?);
            }
        }
        let answers = asking.iter().map(|(_, answer)| answer.clone());
        answers
            .collect::<Option<Vec<_>>>()
            .map_or(Poll::Pending, |all| Poll::Ready(Ok(all)))
    })
    .await
}

/// Asks a question of another server, and returns the answer as it was sent.
#[cfg(feature = "proxy")]
pub(crate) async fn relay(context: &Context, question: Question) -> Result<Value, AskError> {
    let is_answer: fn(&Value) -> bool = match question.needs {
        Capability::Roots => |answer| answer["roots"].is_array(),
        Capability::Sampling => {
            |answer| answer["role"].is_string() && answer.get("content").is_some()
        }
        Capability::ElicitationForm | Capability::ElicitationUrl => |answer| {
            matches!(
                answer["action"].as_str(),
                Some("accept" | "decline" | "cancel")
            )
        },
    };
    let read = |answer: &Value| is_answer(answer).then(|| Ok(answer.clone()));
    ask(context, question, read).await
}

/// Asks a question and returns the answer as parsed by `read`, which returns `None` if the answer is invalid.
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
        // The protocol has questions in `tools/call`, `prompts/get` and `resources/read` only.
        Asker::Nobody if call.caller.features.stateless => Err(AskError::OutsideCall),
        Asker::Nobody | Asker::Test => Err(AskError::CannotBeAsked(question.needs)),
        Asker::Replay(questions) => {
            let answer = async {
                let asked = questions.begin(question);
                // A call is suspended while this is pending, and a task is woken by the answer.
                poll_fn(|task| asked.poll_answer(task.waker(), &read)).await
            };
            within(call, answer).await?
        }
        Asker::Live {
            session,
            waiting,
            asked,
        } => {
            asked.store(true, Ordering::Relaxed);
            let _waits = Counted::new(waiting);
            let (live, outbound) = (&call.server.pending_requests, &**call.notifier.outbound());
            for _ in 0..MAX_INVALID_ANSWERS {
                let account = call.origin.account();
                let asking = live.ask(*session, account, outbound, &question);
                let answer = within(call, asking).await??;
                if let Some(answer) = read(&answer) {
                    return answer;
                }
            }
            Err(AskError::Invalid)
        }
    }
}

/// Records that the client lacks a capability, and yields once, so that the error can name the missing capabilities
/// of all concurrent questions.
async fn lacking(call: &CallContext, capability: Capability) -> AskError {
    if let Some(questions) = call.asker.replay() {
        questions.lack(capability);
        tokio::task::yield_now().await;
    }
    AskError::CannotBeAsked(capability)
}

/// Awaits a future within its call. Returns an error if the future is polled outside of the call.
async fn within<T>(
    call: &Arc<CallContext>,
    future: impl Future<Output = T>,
) -> Result<T, AskError> {
    let mut future = pin!(future);
    let poll = |task: &mut Task<'_>| {
        if !is_current(call) {
            return Poll::Ready(Err(AskError::OutsideCall));
        }
        future.as_mut().poll(task).map(Ok)
    };
    poll_fn(poll).await
}
