//! Calls that become tasks.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;

use super::core::{MethodRun, Request};
use super::run::{CallInput, Work};
use super::session_task_call;
use super::start::run;
use super::task_errors::refusal;
use super::task_requests::caller_of;
use super::task_start::{self, Beginning, StartFn};
use crate::call::TaskLink;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::registry::TaskSupport;
use crate::service::BoxFuture;
use crate::tasks::NewTask;

/// Calls a tool whose calls can become tasks. `again` calls the tool of a task that exists already.
#[inline(never)] // keeps the path of other tools short
pub(super) fn call<W: Work>(
    mut request: Request,
    support: TaskSupport,
    work: W,
    given: CallInput,
    again: StartFn,
) -> Result<MethodRun, RpcError> {
    if session_task_call::is_requested(&request) {
        return session_task_call::call(request, support, work.component(), again);
    }
    if !request.caller.takes_tasks() {
        if support.is_required {
            return Err(RpcError::missing_tasks());
        }
        return run(request, work, given);
    }
    let link = TaskLink::new(support.after.is_some());
    request.task = Some(Arc::clone(&link));
    let new = NewTask {
        tool: work.component().to_owned(),
        caller: caller_of(&request),
        of_session: false,
        ttl: None,
        account: request.origin.account(),
        request: support
            .restarts
            .then(|| first_attempt(&request.message))
            .flatten(),
        answers: Vec::new(),
        outcomes: BTreeMap::new(),
    };
    let (core, features) = (Arc::clone(&request.core), request.caller.features);
    let bytes = request.message.text().len();
    let (future, stop) = match run(request, work, given)? {
        MethodRun::Pending { future, stop } => (future, stop),
        // The arguments are wrong, a question comes first, or a layer has answered the call.
        ready @ MethodRun::Ready(_) => return Ok(ready),
    };
    let beginning = Beginning {
        core,
        features,
        link,
        new,
        stop: Arc::clone(&stop),
        bytes,
    };
    let future = Box::pin(begin(beginning, support.after, future));
    Ok(MethodRun::Pending { future, stop })
}

/// Returns a message without the answers of earlier attempts, which are in the record of the task.
fn first_attempt(message: &Message) -> Option<String> {
    let mut message: Value = serde_json::from_str(message.text()).ok()?;
    let params = message["params"].as_object_mut()?;
    for per_attempt in ["requestState", "inputResponses"] {
        params.shift_remove(per_attempt);
    }
    Some(message.to_string())
}

/// Runs a call until it becomes a task, or until it has an outcome without becoming one.
async fn begin(
    beginning: Beginning,
    after: Option<Duration>,
    mut call: BoxFuture<Outcome>,
) -> Outcome {
    if let Some(outcome) = until_task(&beginning.link, after, &mut call).await {
        return outcome;
    }
    match task_start::begin(beginning, call).await {
        Ok(members) => Outcome::TaskCreated(members),
        // The client waits for the result, as it would without tasks.
        Err((problem, Some(call))) if after.is_some() => {
            tracing::warn!(%problem, "a call does not become a task");
            call.await
        }
        Err((problem, _)) => Outcome::Error(refusal(problem)),
    }
}

/// Runs a call until it must become a task, and returns its outcome if it has one before.
async fn until_task(
    link: &TaskLink,
    after: Option<Duration>,
    call: &mut BoxFuture<Outcome>,
) -> Option<Outcome> {
    let mut time = pin!(tokio::time::sleep(after.unwrap_or_default()));
    loop {
        let mut news = pin!(link.news.notified());
        let polled = poll_fn(|context| {
            if let Poll::Ready(outcome) = call.as_mut().poll(context) {
                return Poll::Ready(Some(outcome));
            }
            if time.as_mut().poll(context).is_ready() && link.call().is_some() {
                return Poll::Ready(None);
            }
            news.as_mut().poll(context).map(|()| None)
        });
        let outcome = polled.await;
        if outcome.is_some() || (time.is_elapsed() && link.call().is_some()) {
            return outcome;
        }
    }
}
