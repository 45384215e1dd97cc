//! The errors that handlers can return. `dispatch` converts them to replies.

use crate::error::ToolError;

/// An error that a handler can return: every type that converts into a [`ToolError`] with `?`.
///
/// It is implemented for all `Into<ToolError>` types, and exists only for its compiler messages, which are clearer than those
/// of `Into`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool, resource or prompt",
    label = "not an error that can be sent to a client",
    note = "implement `std::error::Error` for it, or return `ToolError` or `String`",
    note = "a boxed error is `Box<dyn std::error::Error + Send + Sync>`"
)]
pub trait Failure {
    /// Converts the error.
    fn into_tool_error(self) -> ToolError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<ToolError>> Failure for E {
    fn into_tool_error(self) -> ToolError {
        self.into()
    }
}
