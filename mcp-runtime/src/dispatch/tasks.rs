//! The methods `tasks/get`, `tasks/update` and `tasks/cancel` of clients without sessions.
//!
//! See <https://github.com/modelcontextprotocol/ext-tasks>.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::Instrument as _;

use super::core::{Core, MethodRun, Request};
use super::task_errors::{error_json, refusal, unknown};
use super::task_requests::{answer, caller_of};
use super::task_start;
use super::tools;
use crate::bus::Change;
use crate::outcome::Outcome;
use crate::protocol::error::{Class, RpcError};
use crate::service::Origin;
use crate::session::Session;
use crate::tasks::{Changed, Record, TaskId, TaskProblem};

/// Serves `tasks/get`.
pub(super) fn get(request: Request) -> Result<MethodRun, RpcError> {
    let id = task_id(&request)?;
    Ok(answer(async move {
        let record = owned(&request, &id).await?;
        Ok(Outcome::Task(record.state(id.as_str())))
    }))
}

/// Serves `tasks/update`.
pub(super) fn update(request: Request) -> Result<MethodRun, RpcError> {
    let id = task_id(&request)?;
    let json = request.message.params()?.input_responses();
    let responses: Option<Map<String, Value>> =
        json.and_then(|json| serde_json::from_str(json).ok());
    let responses = responses
        .ok_or_else(|| RpcError::invalid_params("`params.inputResponses` must be an object"))?;
    Ok(answer(async move {
        owned(&request, &id).await?;
        let account = request.origin.account();
        let answered = request.core.tasks.change(&id, &account, |record| {
            // Answers to other questions are ignored.
            let mut changed = Changed::Nothing;
            for (name, answer) in &responses {
                if record.answer(name, answer) {
                    changed = Changed::Outside;
                }
            }
            if changed == Changed::Outside {
                record.go_on();
            }
            changed
        });
        answered.await.map_err(refusal)?;
        Ok(Outcome::TaskAcknowledged)
    }))
}

/// Serves `tasks/cancel`.
pub(super) fn cancel(request: Request) -> Result<MethodRun, RpcError> {
    let id = task_id(&request)?;
    Ok(answer(async move {
        // A task that no process runs is not started only to be cancelled.
        permitted(&request, &id).await?;
        end(&request, &id).await?;
        Ok(Outcome::TaskAcknowledged)
    }))
}

/// Cancels a task of the caller. Returns its record, and `true` if it had not ended before.
///
/// # Errors
/// Returns an error if the store fails.
pub(super) async fn end(request: &Request, id: &TaskId) -> Result<(Record, bool), RpcError> {
    let account = request.origin.account();
    let engine = &request.core.tasks;
    let mut is_open = false;
    let cancelled = engine.change(id, &account, |record| {
        is_open = true;
        record.cancel();
        Changed::Outside
    });
    let ended = cancelled.await.map_err(refusal)?;
    if !is_open {
        // The reply of the store to an earlier request may have been lost.
        engine.settle(id, &ended, &account).await;
    }
    tracing::debug!(
        tool = ended.tool,
        caller = ended.caller,
        "the client cancels a task"
    );
    Ok((ended, is_open))
}

/// Returns the id of the task that a request is about, which may be one that no task has.
///
/// # Errors
/// Returns an error if the server has no tasks, or if the client did not declare that it knows them.
fn task_id(request: &Request) -> Result<TaskId, RpcError> {
    if !request.core.registry.now().has_tasks() {
        return Err(RpcError::unknown_method(request.message.method()));
    }
    if !request.caller.takes_tasks() {
        return Err(RpcError::missing_tasks());
    }
    let id = request.message.params()?.task_id()?;
    TaskId::parse(&id).ok_or_else(unknown)
}

/// Returns the record of a task of the caller.
///
/// # Errors
/// Returns an error if the task is unknown or belongs to another caller, if the caller lacks a scope of its tool, or if the store
/// fails.
pub(super) async fn permitted(request: &Request, id: &TaskId) -> Result<Record, RpcError> {
    let engine = &request.core.tasks;
    let record = engine.get(id).await.map_err(refusal)?;
    may_see(request, &record)?;
    Ok(record)
}

/// Checks that a request may see a task.
///
/// # Errors
/// Returns an error if the task belongs to another caller, or if the caller lacks a scope of its tool.
pub(super) fn may_see(request: &Request, record: &Record) -> Result<(), RpcError> {
    // The format of a record is that of its era.
    let is_of_session = !request.caller.features.stateless;
    if record.caller != caller_of(request) || record.of_session != is_of_session {
        return Err(unknown().concealing(true));
    }
    if let Some(tool) = request.core.registry.now().tool(&record.tool) {
        if !request.sees(&**tool) {
            return Err(unknown().concealing(true));
        }
        request.authorize(&**tool)?;
    }
    Ok(())
}

/// Returns the record of a task of the caller. A task that no process runs is started again or ended.
///
/// # Errors
/// Returns the errors of [`permitted`].
pub(super) async fn owned(request: &Request, id: &TaskId) -> Result<Record, RpcError> {
    let record = permitted(request, id).await?;
    if request.core.is_stopping() || !request.core.tasks.is_abandoned(id, &record) {
        return Ok(record);
    }
    let (core, origin) = (Arc::clone(&request.core), request.origin.clone());
    let session = request.caller.session.clone();
    // It is done to the end even if the request is dropped: a task that is taken over must be started.
    let recovering = recover(core, (origin, session), id.clone()).in_current_span();
    let recovered = tokio::spawn(recovering).await;
    recovered.unwrap_or_else(|error| {
        tracing::error!(%error, "a task could not be started again");
        Err(RpcError::internal("The task could not be started again"))
    })
}

/// Starts a task again that no process runs, or ends it.
async fn recover(
    core: Arc<Core>,
    (origin, session): (Origin, Option<Session>),
    id: TaskId,
) -> Result<Record, RpcError> {
    let (engine, account) = (&core.tasks, origin.account());
    let mut is_taken = false;
    let taken = engine.change(&id, &account, |record| {
        is_taken = false;
        if !engine.is_abandoned(&id, record) {
            return Changed::Nothing;
        }
        is_taken = engine.take_over(record);
        if is_taken {
            return Changed::Inside;
        }
        record.fail(error_json(&RpcError::internal(
            "The server ended before the task was finished",
        )));
        Changed::Outside
    });
    let record = taken.await.map_err(refusal)?;
    if is_taken {
        tracing::info!(tool = record.tool, "a task is started again");
        let caller = (&origin, session.as_ref());
        task_start::start_again(&core, caller, &id, &record, tools::call_again).await;
        return engine.get(&id).await.map_err(refusal);
    }
    Ok(record)
}

/// Returns those of the given ids that tasks of the caller have.
///
/// # Errors
/// Returns an error if the store fails.
pub(super) async fn known(
    request: &Request,
    ids: BTreeSet<String>,
) -> Result<BTreeSet<String>, RpcError> {
    let mut known = BTreeSet::new();
    for id in ids {
        let Some(parsed) = TaskId::parse(&id) else {
            continue;
        };
        match permitted(request, &parsed).await {
            Ok(_) => {
                known.insert(id);
            }
            Err(error) if error.class == Class::Overloaded => return Err(error),
            Err(_) => {}
        }
    }
    Ok(known)
}

/// The state of a task, for those who listen to it.
pub(super) enum State {
    /// It may change.
    Open(Change),
    Ended(Change),
    /// There is no such task any more.
    Unknown,
    /// The store fails.
    Hidden,
}

/// Returns the state of a task, whose caller was checked before.
pub(super) async fn state(core: &Core, id: &str) -> State {
    let Some(parsed) = TaskId::parse(id) else {
        return State::Unknown;
    };
    let record = match core.tasks.get(&parsed).await {
        Ok(record) => record,
        Err(TaskProblem::Unknown) => return State::Unknown,
        Err(problem) => {
            tracing::warn!(%problem, "a listener is not told the state of a task");
            return State::Hidden;
        }
    };
    let change = Change::Task {
        id: id.into(),
        version: record.version,
        members: record.state(id).into(),
        of_session: None,
    };
    if record.status.is_end() {
        State::Ended(change)
    } else {
        State::Open(change)
    }
}
