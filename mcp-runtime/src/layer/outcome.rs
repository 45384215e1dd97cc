//! The outcome of a call, for layers to read and to change.

use std::fmt;

use serde_json::Value;

use crate::content::{Completions, PromptOutcome, ResourceOutcome, Structured, ToolResult};
use crate::error::ToolError;
use crate::outcome::{Outcome, OutcomeKind};
use crate::protocol::error::INTERNAL_ERROR;

/// The outcome of a call. Layers read it, change it, or replace it by one of the functions of
/// [`LayeredCall`](crate::LayeredCall).
///
/// ```
/// use mcp_runtime::{CallOutcome, LayeredCall, Next};
///
/// /// Hides a name in all texts of results.
/// async fn redact(_: LayeredCall, next: Next) -> CallOutcome {
///     let mut outcome = next.run().await;
///     outcome.change_texts(|text| *text = text.replace("Ada", "***"));
///     outcome
/// }
/// ```
pub struct CallOutcome(pub(crate) Outcome);

/// What a layer provides instead of the output of a handler.
pub(crate) enum Substitute {
    Tool(ToolResult),
    Contents(ResourceOutcome),
    Messages(PromptOutcome),
    Completions(Result<Completions, ToolError>),
    /// The definitions of a list.
    List(Vec<Value>),
    Error(ToolError),
}

impl CallOutcome {
    /// Returns how the call ended.
    pub fn kind(&self) -> OutcomeKind {
        self.0.kind()
    }

    /// Returns `true` for a failed tool, a protocol error and a call that exceeded its timeout.
    pub fn is_error(&self) -> bool {
        use OutcomeKind::{ProtocolError, TimedOut, ToolError};
        matches!(self.kind(), ToolError | ProtocolError | TimedOut)
    }

    /// Returns the message of an error, as the client receives it, or `None` if the call did not fail.
    pub fn error(&self) -> Option<&str> {
        match self.0.inner() {
            Outcome::Error(error) => Some(&error.message),
            Outcome::Tool {
                result,
                is_error: true,
            } => result.content.iter().find_map(|block| block.as_text()),
            _ => None,
        }
    }

    /// Returns `true` for a failure that a later run may not have: not for arguments that were refused, or a capability that the
    /// client lacks.
    pub(crate) fn is_transient(&self) -> bool {
        match &self.0 {
            Outcome::TimedOut(_) => true,
            Outcome::Error(error) => error.code == INTERNAL_ERROR,
            Outcome::Tool { result, is_error } => *is_error && result.failure.is_none(),
            _ => false,
        }
    }

    /// Returns the texts of a tool's content, of a resource's contents or of a prompt's messages.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.inner().texts()
    }

    /// Changes each of the [`texts`](Self::texts). The structured content of a tool, which may repeat its text, is not
    /// changed: see [`set_structured`](Self::set_structured).
    ///
    /// ```
    /// use mcp_runtime::{CallOutcome, LayeredCall, Next, prelude::*};
    /// use schemars::JsonSchema;
    /// use serde::Serialize;
    /// use serde_json::json;
    ///
    /// /// Hides phone numbers in text and in structured content.
    /// async fn redact(_: LayeredCall, next: Next) -> CallOutcome {
    ///     let mut outcome = next.run().await;
    ///     outcome.change_texts(|text| *text = text.replace("555-0100", "..."));
    ///     if let Some(mut user) = outcome.structured() {
    ///         user["phone"] = "...".into();
    ///         outcome.set_structured(&user);
    ///     }
    ///     outcome
    /// }
    ///
    /// #[derive(Serialize, JsonSchema)]
    /// struct User {
    ///     phone: String,
    /// }
    ///
    /// /// Find the user.
    /// #[tool(layer = redact)]
    /// async fn user() -> Json<User> {
    ///     Json(User { phone: "555-0100".to_owned() })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let client = Server::new("app", "1.0.0").with(components![user]).client().await;
    /// let reply = client.call("user", json!({})).await?;
    /// assert_eq!(reply.structured(), &json!({ "phone": "..." }));
    /// assert!(!reply.text().contains("555-0100"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn change_texts(&mut self, change: impl FnMut(&mut String)) {
        self.0.inner_mut().texts_mut().for_each(change);
    }

    /// Returns the structured content of a tool.
    pub fn structured(&self) -> Option<Value> {
        match self.0.inner() {
            Outcome::Tool { result, .. } => result.structured_value(),
            _ => None,
        }
    }

    /// Replaces the structured content of a tool, if it has some. The value must fit the output schema of the tool: it is not
    /// checked again.
    pub fn set_structured(&mut self, value: &Value) {
        if let Outcome::Tool { result, .. } = self.0.inner_mut()
            && result.structured.is_some()
        {
            result.structured = Some(Structured::Json(value.to_string()));
        }
    }

    /// Returns the definitions on the page of a list, as the client receives them. Other outcomes have none.
    pub fn definitions(&self) -> Vec<Value> {
        match &self.0 {
            Outcome::List(_, page) => page.definitions(),
            _ => Vec::new(),
        }
    }

    /// Keeps only some definitions on the page of a list, such as those that the caller may use.
    ///
    /// A component that is not listed can still be called: refuse the calls too.
    pub fn retain_definitions(&mut self, keep: impl FnMut(&Value) -> bool) {
        if let Outcome::List(_, page) = &mut self.0 {
            let mut definitions = page.definitions();
            definitions.retain(keep);
            page.set_definitions(&definitions);
        }
    }
}

impl fmt::Debug for CallOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Results may contain secrets.
        formatter
            .debug_struct("CallOutcome")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
