//! The methods `tasks/get`, `tasks/list` and `tasks/cancel` of clients with sessions.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks>.

use super::core::{MethodRun, Request};
use super::lists::INVALID_CURSOR;
use super::task_errors::{refusal, unknown};
use super::task_requests::{answer, caller_of};
use super::tasks::{end, may_see, owned, permitted};
use crate::outcome::{Outcome, Page};
use crate::protocol::error::RpcError;
use crate::registry::{read_cursor, write_cursor};
use crate::tasks::TaskId;

/// The name of the list.
const LIST: &str = "tasks";

/// Serves `tasks/get`.
pub(super) fn get(request: Request) -> Result<MethodRun, RpcError> {
    let id = task_id(&request)?;
    Ok(answer(async move {
        let record = owned(&request, &id).await?;
        Ok(Outcome::Task(record.state(id.as_str())))
    }))
}

/// Serves `tasks/cancel`.
pub(super) fn cancel(request: Request) -> Result<MethodRun, RpcError> {
    let id = task_id(&request)?;
    Ok(answer(async move {
        // A task that no process runs is not started only to be cancelled.
        permitted(&request, &id).await?;
        let (record, is_cancelled) = end(&request, &id).await?;
        if !is_cancelled {
            return Err(RpcError::invalid_params(
                "The task cannot be cancelled: it has already ended",
            ));
        }
        Ok(Outcome::Task(record.state(id.as_str())))
    }))
}

/// Serves `tasks/list`. A task that no process runs is listed as it is.
pub(super) fn list(request: Request) -> Result<MethodRun, RpcError> {
    check(&request)?;
    let cursor = request.message.params()?.cursor()?;
    let after = cursor.map(|cursor| {
        let position = read_cursor(LIST, &cursor);
        position.ok_or_else(|| RpcError::invalid_params(INVALID_CURSOR))
    });
    let after = after.transpose()?;
    Ok(answer(async move {
        let caller = caller_of(&request).unwrap_or_default();
        let listed = request.core.tasks.listed(&caller, after).await;
        let (tasks, next) = listed.map_err(refusal)?;
        let own = tasks
            .into_iter()
            .filter(|(_, record)| may_see(&request, record).is_ok());
        let items = own.map(|(id, record)| format!("{{{}}}", record.state(id.as_str())));
        let page = Page {
            items: items.collect::<Vec<_>>().join(","),
            next: next.map(|position| write_cursor(LIST, position)),
            is_private: true,
            #[cfg(feature = "skills")]
            is_single: false,
        };
        Ok(Outcome::List(LIST, page))
    }))
}

/// Refuses a request about tasks of a client that has none.
///
/// # Errors
/// Returns an error if the server or the revision has no tasks, or if the request belongs to no session.
fn check(request: &Request) -> Result<(), RpcError> {
    let has_tasks =
        request.caller.features.session_tasks && request.core.registry.now().has_tasks();
    if !has_tasks {
        return Err(RpcError::unknown_method(request.message.method()));
    }
    request.session()?;
    Ok(())
}

/// Returns the id of the task that a request is about, which may be one that no task has.
///
/// # Errors
/// Returns the errors of [`check`], or an error if the request has no id.
pub(super) fn task_id(request: &Request) -> Result<TaskId, RpcError> {
    check(request)?;
    let id = request.message.params()?.task_id()?;
    TaskId::parse(&id).ok_or_else(unknown)
}
