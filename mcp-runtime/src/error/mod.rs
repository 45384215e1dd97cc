//! The errors of handlers.

mod ask;

use std::error::Error;
use std::fmt;
use std::iter::successors;

pub use ask::AskError;

use crate::protocol::capability::Capability;
use crate::protocol::error::RpcError;

/// The error of a tool, resource or prompt, for the model to read.
///
/// `?` converts every error: those of `std`, boxed ones, `anyhow` and `eyre`, `String` and `&str`. For this reason,
/// like `anyhow::Error`, it does not implement [`Error`] itself.
///
/// A tool's error is a result with `isError: true` that shows the top-level text; its causes go to the log.
/// [`Server::mask_errors`](crate::Server::mask_errors) hides the text of all errors except those of [`ToolError::new`].
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Read a number.
/// #[tool]
/// async fn parse(text: String) -> Result<i64, ToolError> {
///     if text.is_empty() {
///         return Err(ToolError::new("`text` is empty: give it a number"));
///     }
///     Ok(text.parse()?)
/// }
/// ```
pub struct ToolError {
    source: Box<dyn Error + Send + Sync>,
    kind: ErrorKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    /// An error from other code, converted by the handler.
    Other,
    /// An error whose text the handler wrote for the model.
    Deliberate,
    /// Arguments that were refused before the handler ran.
    Refused,
    /// A caller for whom the handler cannot run: nobody has authenticated it, or its claims have another form.
    Caller,
    /// A call of a caller that has sent too many. It may send the next after this number of seconds.
    RateLimited(u32),
    /// A failure that the content of the result describes.
    Content,
    /// A component that the caller does not see.
    Concealed,
    /// A capability that the handler requires and the client lacks.
    Lacking(Capability),
    /// The error is a [`RpcError`], which is the reply.
    Protocol,
}

impl ToolError {
    fn of(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self { source, kind }
    }

    /// Returns an error whose text is meant for the model, and is shown even if other errors are masked.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Deliberate, message.into())
    }

    /// Returns an error that is not a result: the reply to the request is the JSON-RPC error -32603 with this text, and a task
    /// is `failed`. Models often do not see such an error, so it is for failures that a model cannot do anything about.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Build the report.
    /// #[tool(task)]
    /// async fn report(year: u16) -> Result<String, ToolError> {
    ///     if year < 2000 {
    ///         return Err(ToolError::new("`year` must be 2000 or later"));
    ///     }
    ///     Err(ToolError::protocol("The data warehouse is down"))
    /// }
    /// ```
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Protocol, RpcError::internal(message.into()))
    }

    /// Returns an error for a client that lacks a required capability. Clients of 2026-07-28 receive the protocol's own
    /// error, which names the capability.
    pub fn lacking(capability: Capability) -> Self {
        let message = format!("This client cannot {}", capability.what());
        Self::of(ErrorKind::Lacking(capability), message)
    }

    /// Returns an error that the content of the result describes.
    pub(crate) fn of_content() -> Self {
        Self::of(ErrorKind::Content, "the result is an error")
    }

    /// Returns an error for a component that the caller does not see.
    pub(crate) fn concealed() -> Self {
        Self::of(ErrorKind::Concealed, "the component is unknown")
    }

    /// Returns `true` if the caller does not see the component.
    #[cfg(feature = "audit")]
    pub(crate) fn is_concealed(&self) -> bool {
        self.kind == ErrorKind::Concealed
    }

    /// Creates an error that is the reply to the request: the error of another server.
    #[cfg(feature = "proxy")]
    pub(crate) fn relayed(error: RpcError) -> Self {
        Self::of(ErrorKind::Protocol, error)
    }

    /// Returns the error that is the reply to the request, if this is one.
    pub(crate) fn reply(&self) -> Option<RpcError> {
        self.source.downcast_ref().cloned()
    }

    /// Returns `true` if the text belongs to the result.
    pub(crate) fn has_text(&self) -> bool {
        self.kind != ErrorKind::Content
    }

    /// Returns the capability that the client lacks.
    pub(crate) fn lack(&self) -> Option<Capability> {
        match (self.kind, self.source.downcast_ref().cloned()) {
            (ErrorKind::Lacking(capability), _)
            | (_, Some(AskError::CannotBeAsked(capability))) => Some(capability),
            _ => None,
        }
    }

    /// Returns an error for arguments that were refused before the handler ran.
    pub(crate) fn refused(message: String) -> Self {
        Self::of(ErrorKind::Refused, message)
    }

    /// Returns an error for a caller for whom the handler cannot run.
    pub(crate) fn of_caller(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Caller, message.into())
    }

    /// Returns `true` if the handler cannot run for this caller.
    pub(crate) fn is_of_caller(&self) -> bool {
        self.kind == ErrorKind::Caller
    }

    /// Returns an error for a caller that has sent too many calls, and may send the next after this number of seconds.
    pub(crate) fn rate_limited(message: String, seconds: u64) -> Self {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Self::of(ErrorKind::RateLimited(seconds), message)
    }

    /// Returns the number of seconds after which a caller that has sent too many calls may send the next.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self.kind {
            ErrorKind::RateLimited(seconds) => Some(seconds.into()),
            _ => None,
        }
    }

    /// Returns `true` if the text was written for the model, by the handler or by this crate.
    pub(crate) fn is_deliberate(&self) -> bool {
        self.kind != ErrorKind::Other
    }

    /// Returns `true` if the arguments were refused.
    pub(crate) fn is_refusal(&self) -> bool {
        self.kind == ErrorKind::Refused
    }

    /// Returns the top-level text with all of its causes, for the log.
    pub(crate) fn chain(&self) -> String {
        chain(self.as_error())
    }

    /// Returns the error that this was made from, with its causes.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }
}

/// Returns the text of an error with those of all of its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |&error| error.source()) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self::of(ErrorKind::Other, error)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

impl fmt::Debug for ToolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, formatter)
    }
}
