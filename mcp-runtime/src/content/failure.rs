//! The errors that results can hold. What becomes of them is decided in `dispatch`.

use crate::error::ToolError;

/// An error that a handler can return: everything that `?` turns into a [`ToolError`].
///
/// There is nothing to implement: it only says in our words what `Into<ToolError>` would say in those of `std`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool, resource or prompt",
    label = "not an error that can be sent to a client",
    note = "implement `std::error::Error` for it, or return `ToolError` or `String`",
    note = "a boxed error is `Box<dyn std::error::Error + Send + Sync>`"
)]
pub trait Failure {
    /// Makes the error.
    fn into_tool_error(self) -> ToolError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<ToolError>> Failure for E {
    fn into_tool_error(self) -> ToolError {
        self.into()
    }
}
