//! `tasks/result`: it waits for the end of a task of a session, and meanwhile asks the client the questions of its handler.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#retrieving-task-results>.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::Value;

use super::core::{MethodRun, Request};
use super::session_tasks::task_id;
use super::task_errors::refusal;
use super::task_requests::answer;
use super::tasks::{owned, permitted};
use crate::error::AskError;
use crate::in_flight::stopping;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::questions::{Question, refused_answer};
use crate::service::BoxFuture;
use crate::tasks::{Changed, Ending, Record, TaskId, Waiting};

/// The time after which the record is read again, in case another process has changed it.
const TICK: Duration = Duration::from_secs(1);

/// Serves `tasks/result`.
pub(super) fn result(request: Request) -> Result<MethodRun, RpcError> {
    let id = task_id(&request)?;
    Ok(answer(async move {
        permitted(&request, &id).await?;
        let waiting = request.core.tasks.wait_for(&id);
        let following = Following {
            asking: BTreeMap::new(),
            can_ask: request.outbound.can_ask(),
            request,
            id,
            waiting,
        };
        following.until_end().await
    }))
}

/// The answer of a client to a question.
type Answer = Result<Value, AskError>;

/// A request for the result of a task.
struct Following {
    request: Request,
    id: TaskId,
    waiting: Waiting,
    /// The questions that the client is being asked, by their names in the record.
    asking: BTreeMap<String, BoxFuture<Answer>>,
    /// `false` if the client cannot be asked, on the stream of this request.
    can_ask: bool,
}

impl Following {
    async fn until_end(mut self) -> Result<Outcome, RpcError> {
        loop {
            let record = owned(&self.request, &self.id).await?;
            if let Some(ending) = record.ending() {
                tracing::debug!(
                    tool = record.tool,
                    caller = record.caller,
                    "the client reads the result of a task"
                );
                return outcome(&ending);
            }
            self.check()?;
            // The client may have answered while the record was read.
            let mut answered = arrived(&mut self.asking, &mut Context::from_waker(Waker::noop()));
            if answered.is_pending() {
                self.ask(&record);
                answered = self.next().await;
            }
            let Poll::Ready((name, answer)) = answered else {
                continue;
            };
            self.asking.remove(&name);
            match answer {
                Ok(answer) => self.deliver(&name, answer).await?,
                Err(AskError::Refused(message)) => {
                    self.deliver(&name, refused_answer(&message)).await?;
                }
                // It counts as an invalid answer, and the handler asks again.
                Err(AskError::Malformed(_)) => self.deliver(&name, Value::Null).await?,
                // The question stays open, and is asked again.
                Err(AskError::TimedOut) => {}
                Err(AskError::TooMany) => tokio::time::sleep(TICK).await,
                Err(_) => self.can_ask = false,
            }
        }
    }

    /// Returns an error if this request must not wait any longer.
    fn check(&self) -> Result<(), RpcError> {
        let core = &self.request.core;
        if core.is_stopping() && !core.tasks.has(&self.id) {
            return Err(stopping());
        }
        if self.waiting.newer().is_none() {
            return Err(RpcError::too_many(
                "Newer requests wait for the result of this task: wait for their replies",
            ));
        }
        Ok(())
    }

    /// Asks the open questions of the record, and withdraws those that are not open any more. Only the newest request for a task
    /// asks, because a client may have given up the streams of older ones.
    fn ask(&mut self, record: &Record) {
        if !self.can_ask || self.waiting.newer() != Some(0) {
            self.asking.clear();
            return;
        }
        self.asking
            .retain(|name, _| record.asked.contains_key(name));
        for (name, asked) in &record.asked {
            if self.asking.contains_key(name) {
                continue;
            }
            if let Some(asking) = self.question(&asked.request) {
                self.asking.insert(name.clone(), asking);
            }
        }
    }

    /// Returns a future that asks a question, if the client has its capability.
    fn question(&self, request: &Value) -> Option<BoxFuture<Answer>> {
        let Request { core, caller, .. } = &self.request;
        let context = Arc::clone(&core.context);
        let elicitation = || context.pending_requests.id();
        let question = Question::of_task(request, self.id.as_str(), elicitation)?;
        let session = caller.session.as_ref()?.nonce;
        if !caller.capabilities.has(question.needs) {
            return None;
        }
        let (outbound, account) = (
            Arc::clone(&self.request.outbound),
            self.request.origin.account(),
        );
        Some(Box::pin(async move {
            let pending = &context.pending_requests;
            pending.ask(session, account, &*outbound, &question).await
        }))
    }

    /// Waits for the next answer, or until the record must be read again.
    async fn next(&mut self) -> Poll<(String, Answer)> {
        let asking = &mut self.asking;
        let answered = poll_fn(|context| arrived(asking, context));
        tokio::select! {
            biased;
            answered = answered => Poll::Ready(answered),
            () = self.waiting.changed() => Poll::Pending,
            () = tokio::time::sleep(TICK) => Poll::Pending,
        }
    }

    /// Moves an answer into the record.
    // With `&self`, the future could not be sent to another thread, because the questions are futures.
    async fn deliver(&mut self, name: &str, answer: Value) -> Result<(), RpcError> {
        let (request, id) = (&self.request, &self.id);
        let account = request.origin.account();
        let delivered = request.core.tasks.change(id, &account, |record| {
            if !record.answer(name, &answer) {
                return Changed::Nothing;
            }
            record.go_on();
            Changed::Outside
        });
        delivered.await.map(drop).map_err(refusal)
    }
}

/// Polls questions, and returns the first answer with the name of its question.
fn arrived(
    asking: &mut BTreeMap<String, BoxFuture<Answer>>,
    context: &mut Context<'_>,
) -> Poll<(String, Answer)> {
    for (name, question) in asking {
        if let Poll::Ready(answer) = question.as_mut().poll(context) {
            return Poll::Ready((name.clone(), answer));
        }
    }
    Poll::Pending
}

/// Returns the outcome that the call would have had.
fn outcome(ending: &Ending<'_>) -> Result<Outcome, RpcError> {
    match ending {
        Ending::Result(result) => {
            let members = result.get().trim();
            let members = members
                .strip_prefix('{')
                .and_then(|it| it.strip_suffix('}'));
            Ok(Outcome::Task(members.unwrap_or_default().to_owned()))
        }
        Ending::Error(error) => {
            let code = error["code"]
                .as_i64()
                .and_then(|code| i32::try_from(code).ok());
            let message = error["message"].as_str().unwrap_or_default().to_owned();
            let data = error.get("data").cloned();
            match code {
                Some(code) => Err(RpcError::relayed(code, message, data)),
                None => Err(RpcError::internal(message)),
            }
        }
        Ending::Cancelled => Err(RpcError::invalid_request(
            "The task has no result: it was cancelled",
        )),
    }
}
