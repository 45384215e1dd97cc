//! The results of prompts.

use super::block::{Audio, Content, EmbeddedResource, Image, ResourceLink, Role, Text};
use super::failure::Failure;
use crate::error::ToolError;

/// A message of a prompt.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Explain a term.
/// #[prompt]
/// async fn explain(term: String) -> [Message; 2] {
///     [Message::user(format!("Explain {term} to a child.")), Message::assistant("Imagine that")]
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub(crate) role: Role,
    pub(crate) content: Content,
}

impl Message {
    /// Creates a message from the user.
    pub fn user(content: impl Into<Content>) -> Self {
        Self {
            role: Role::User,
            content: content.into(),
        }
    }

    /// Creates a message from the model.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self {
            role: Role::Assistant,
            content: content.into(),
        }
    }
}

/// The outcome of getting a prompt.
pub type PromptOutcome = Result<Vec<Message>, ToolError>;

/// A type that a `#[prompt]` function can return. Text and other content become one message from the user.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Explain a term: a text is a message of the user.
/// #[prompt]
/// async fn explain(term: String) -> String {
///     format!("Explain {term}.")
/// }
///
/// /// Translate a text, with an example.
/// #[prompt]
/// async fn translate(text: String) -> Vec<Message> {
///     vec![Message::user("Hello"), Message::assistant("Bonjour"), Message::user(text)]
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a prompt",
    label = "not a message",
    note = "return a text, an image or other content, `Message`, `Vec<Message>`, or a `Result` of any of these",
    note = "if this is a future, make the function an `async fn`"
)]
pub trait IntoPrompt<M = super::Plain> {
    /// Converts into messages.
    ///
    /// # Errors
    /// Returns an error if the function failed.
    fn into_prompt(self) -> Result<Vec<Message>, ToolError>;
}

macro_rules! one_message {
    ($($content:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoPrompt for $content {
            fn into_prompt(self) -> PromptOutcome {
                Ok(vec![Message::user(self)])
            }
        }
    )*};
}

one_message!(String &str Text Image Audio ResourceLink EmbeddedResource Content);

#[diagnostic::do_not_recommend]
impl IntoPrompt for Message {
    fn into_prompt(self) -> PromptOutcome {
        Ok(vec![self])
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<Message>> IntoPrompt for Vec<T> {
    fn into_prompt(self) -> PromptOutcome {
        Ok(self.into_iter().map(Into::into).collect())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<Message>, const N: usize> IntoPrompt for [T; N] {
    fn into_prompt(self) -> PromptOutcome {
        Ok(self.into_iter().map(Into::into).collect())
    }
}

impl<M, T: IntoPrompt<M>, E: Failure> IntoPrompt<M> for Result<T, E> {
    fn into_prompt(self) -> PromptOutcome {
        self.map_err(Failure::into_tool_error)
            .and_then(T::into_prompt)
    }
}
