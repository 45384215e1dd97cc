//! Calls of clients with sessions that ask for a task.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks>.

use std::collections::BTreeMap;

use super::core::{MethodRun, Request};
use super::task_requests::{answer, caller_of};
use super::task_start::{self, StartFn};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::params::Params;
use crate::registry::{Snapshot, TaskSupport};
use crate::tasks::NewTask;

/// Refuses a call that must be a task but is not, or the reverse.
#[inline(never)] // keeps the path of other clients short
pub(super) fn check(
    request: &Request,
    snapshot: &Snapshot,
    support: Option<TaskSupport>,
) -> Result<(), RpcError> {
    let asks = request.message.params()?.asks_for_task();
    let is_required = support.is_some_and(|support| support.is_required);
    if is_required && !asks {
        let error = "The tool can only be called as a task: send `params.task`";
        return Err(RpcError::wrong_augmentation(error));
    }
    if is_required {
        request.session()?;
    }
    // Without a session, and from a server without tasks, `task` means nothing.
    let is_negotiated = || request.caller.session.is_some() && snapshot.has_tasks();
    if asks && support.is_none() && is_negotiated() {
        let error = "The tool cannot be called as a task: leave out `params.task`";
        return Err(RpcError::wrong_augmentation(error));
    }
    Ok(())
}

/// Returns `true` if a client with a session asks for a task.
pub(super) fn is_requested(request: &Request) -> bool {
    let params = request.message.params();
    request.caller.has_session_tasks() && params.as_ref().is_ok_and(Params::asks_for_task)
}

/// Creates a task that calls a tool, with this function. The call is a task from its beginning: its client expects no other result.
pub(super) fn call(
    request: Request,
    support: TaskSupport,
    tool: &str,
    again: StartFn,
) -> Result<MethodRun, RpcError> {
    let message = support.restarts.then(|| request.message.text().to_owned());
    let new = NewTask {
        tool: tool.to_owned(),
        caller: caller_of(&request),
        of_session: true,
        ttl: request.message.params()?.task_ttl()?,
        account: request.origin.account(),
        request: message,
        answers: Vec::new(),
        outcomes: BTreeMap::new(),
    };
    let created = task_start::begin_of_session(request, new, again);
    Ok(answer(
        async move { created.await.map(Outcome::TaskCreated) },
    ))
}
