//! Forms of questions, and answers to them.

use mcp_runtime::{AskError, Context, Elicit};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// A form with one text.
#[derive(Debug, Deserialize, JsonSchema, Elicit)]
pub(crate) struct Text {
    pub(crate) text: String,
}

/// A form whose members have bounds.
#[derive(Debug, Deserialize, JsonSchema, Elicit)]
pub(crate) struct Bounded {
    #[schemars(range(min = 1, max = 20))]
    pub(crate) people: u8,
    #[schemars(length(min = 2, max = 5))]
    pub(crate) word: Option<String>,
}

/// Asks for a text.
pub(crate) async fn text(
    context: &Context,
    message: impl Into<String>,
) -> Result<String, AskError> {
    context.elicit(message).await.map(|Text { text }| text)
}

/// [`text`] with a name.
pub(crate) async fn text_as(
    context: &Context,
    key: &str,
    message: &str,
) -> Result<String, AskError> {
    let answer = context.elicit(message).key(key).await;
    answer.map(|Text { text }| text)
}

/// An answer with a text.
pub(crate) fn says(text: impl Into<String>) -> Value {
    accepts(json!({ "text": text.into() }))
}

pub(crate) fn accepts(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

pub(crate) fn declines() -> Value {
    json!({ "action": "decline" })
}
