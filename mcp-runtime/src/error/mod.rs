//! What handlers fail with.

mod ask;

use std::error::Error;
use std::fmt;
use std::iter::successors;

pub use ask::AskError;

use crate::protocol::capability::Capability;

/// Why a tool, resource or prompt failed, for the model to read.
///
/// `?` makes one from every error: those of `std`, boxed ones, `anyhow` and `eyre`, `String` and `&str`. Like
/// `anyhow::Error` it is therefore no [`Error`] itself.
///
/// A tool's error is a result with `isError: true` that shows the top-level text; what caused it goes to the log.
/// [`Server::mask_errors`](crate::Server::mask_errors) hides the text of all errors but those of [`ToolError::new`].
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
    /// Some error that the handler met.
    Met,
    /// Written for the model.
    Deliberate,
    /// The arguments were refused before the handler ran.
    Refused,
    /// The client lacks a capability that the handler cannot do without.
    Lacking(Capability),
}

impl ToolError {
    fn of(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self { source, kind }
    }

    /// An error whose text is meant for the model, and is shown even where other errors are masked.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Deliberate, message.into())
    }

    /// The client lacks a capability that the handler cannot do without. Clients of 2026-07-28 get the protocol's error
    /// for this, which names it.
    pub fn lacking(capability: Capability) -> Self {
        let message = format!("This client cannot {}", capability.what());
        Self::of(ErrorKind::Lacking(capability), message)
    }

    /// The capability that the client lacks.
    pub(crate) fn lack(&self) -> Option<Capability> {
        match (self.kind, self.source.downcast_ref().cloned()) {
            (ErrorKind::Lacking(capability), _)
            | (_, Some(AskError::CannotBeAsked(capability))) => Some(capability),
            _ => None,
        }
    }

    /// The arguments were refused before the handler ran.
    pub(crate) fn refused(message: String) -> Self {
        Self::of(ErrorKind::Refused, message)
    }

    /// Whether the text was written for the model, by the handler or by us.
    pub(crate) fn is_deliberate(&self) -> bool {
        self.kind != ErrorKind::Met
    }

    /// Whether the arguments were refused.
    pub(crate) fn is_refusal(&self) -> bool {
        self.kind == ErrorKind::Refused
    }

    /// The top-level text with everything that caused it, for the log.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.source.to_string();
        for cause in successors(self.source.source(), |&error| error.source()) {
            text.push_str(": ");
            text.push_str(&cause.to_string());
        }
        text
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self::of(ErrorKind::Met, error)
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
