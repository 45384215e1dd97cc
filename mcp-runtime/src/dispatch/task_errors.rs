//! The errors of requests about tasks.

use serde_json::Value;

use crate::protocol::error::RpcError;
use crate::tasks::TaskProblem;

/// Returns the error for the client.
pub(super) fn refusal(problem: TaskProblem) -> RpcError {
    match problem {
        TaskProblem::Unknown => unknown(),
        TaskProblem::TooMany(limit) => RpcError::too_many(format!(
            "{limit} of your tasks are unfinished, which is the limit: wait for one, or cancel one"
        )),
        TaskProblem::TooManyKept(limit) => RpcError::too_many(format!(
            "{limit} of your tasks exist, which is the limit: wait until some have expired"
        )),
        TaskProblem::Busy(limit) => RpcError::overloaded(format!(
            "The server is busy: {limit} tasks are unfinished, which is its limit; try again later"
        )),
        TaskProblem::Refused(error) => error,
        TaskProblem::Contended | TaskProblem::Store(_) => {
            tracing::error!(%problem, "the store of tasks failed");
            RpcError::overloaded("The tasks of the server are not available: try again later")
        }
    }
}

/// Returns the error for a task that does not exist, has expired, or belongs to another caller.
pub(super) fn unknown() -> RpcError {
    RpcError::invalid_params(
        "Unknown task: `params.taskId` was never issued to you, or has expired",
    )
}

/// Returns a JSON-RPC error as JSON.
pub(super) fn error_json(error: &RpcError) -> Value {
    serde_json::to_value(error).unwrap_or_default()
}
