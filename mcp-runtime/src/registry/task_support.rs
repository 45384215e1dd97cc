//! Whether the calls of a tool become tasks.

use std::time::Duration;

/// Whether the calls of a tool become tasks, for [`Tool::task`](crate::Tool::task).
///
/// `#[tool(task)]` is [`TaskSupport::optional`], `#[tool(task = "required")]` is [`TaskSupport::required`], and
/// `#[tool(task(after = "2s"))]` is [`TaskSupport::after`].
///
/// ```
/// use mcp_runtime::{TaskSupport, Tool, prelude::*};
/// use serde_json::{Value, json};
///
/// async fn index(_: Value, _: Context) -> &'static str {
///     "indexed"
/// }
///
/// let schema = json!({ "type": "object", "properties": {} });
/// let tool = Tool::new("index", schema, index).task(TaskSupport::optional().restart());
/// let server = Server::new("search", "1.0.0").with(tool);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskSupport {
    pub(crate) is_required: bool,
    pub(crate) after: Option<Duration>,
    pub(crate) restarts: bool,
}

impl TaskSupport {
    /// Each call is a task if the client can receive one. Otherwise the client waits for the result.
    ///
    /// A client of 2025-11-25 decides for each call whether it is a task. In older revisions there are no tasks.
    pub const fn optional() -> Self {
        Self {
            is_required: false,
            after: None,
            restarts: false,
        }
    }

    /// Each call is a task. A client that cannot receive one is answered with -32021, and one of 2025-11-25 that does not ask for one
    /// with -32601. The function then does not run.
    pub const fn required() -> Self {
        Self {
            is_required: true,
            ..Self::optional()
        }
    }

    /// A call becomes a task when it has run for this time, if the client can receive one. For a client of 2025-11-25 this is
    /// [`TaskSupport::optional`].
    pub const fn after(time: Duration) -> Self {
        Self {
            after: Some(time),
            ..Self::optional()
        }
    }

    /// Returns the `taskSupport` of the tool for clients with sessions, which choose for each call whether it is a task.
    pub(crate) fn in_sessions(self) -> &'static str {
        if self.is_required {
            "required"
        } else {
            "optional"
        }
    }

    /// Starts the function again, from the top, if the process that ran it has ended before the task. Without this, the task
    /// fails.
    ///
    /// The answers of the client and the outcomes of [`Context::once`](crate::Context::once) are those of the earlier run.
    /// A task is started at most five times.
    pub const fn restart(mut self) -> Self {
        self.restarts = true;
        self
    }
}
