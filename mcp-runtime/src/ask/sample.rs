//! Questions to the client's model.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/client/sampling>.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;
use serde_json::{Value, json};

use super::ask;
use crate::content::{Content, Message};
use crate::context::Context;
use crate::error::AskError;
use crate::protocol::capability::Capability;
use crate::protocol::revision::Features;
use crate::questions::Question;

impl Context {
    /// Asks the client's model to generate a message. The request is sent when the returned value is awaited.
    ///
    /// Sampling is deprecated in revision 2026-07-28: new servers should not use it, and clients may stop supporting it. Call
    /// the API of a model instead.
    ///
    /// `message` is a text with the role `user`. Messages may contain text, images and audio. With other content, or with
    /// audio for a client of 2024-11-05, awaiting gives [`AskError::NoForm`].
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Summarise a text.
    /// #[tool]
    /// async fn summarise(context: Context, text: String) -> Result<String, ToolError> {
    ///     let sample = context.sample(format!("Summarise: {text}")).max_tokens(200).await?;
    ///     Ok(sample.text())
    /// }
    /// ```
    pub fn sample(&self, message: impl Into<String>) -> Sampling {
        Sampling {
            context: self.clone(),
            messages: vec![Message::user(message.into())],
            params: json!({ "messages": [], "maxTokens": 1000 }),
            key: None,
        }
    }
}

/// A request to the client's model: see [`Context::sample`].
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Translate a text.
/// #[tool]
/// async fn translate(text: String, context: Context) -> Result<String, ToolError> {
///     let question = context.sample(text).system("Translate into French.").max_tokens(500).temperature(0.0);
///     Ok(question.await?.text())
/// }
/// ```
#[must_use = "it asks when it is awaited"]
#[derive(Debug)]
pub struct Sampling {
    context: Context,
    messages: Vec<Message>,
    /// All parameters except the messages, whose form depends on the client's revision.
    params: Value,
    key: Option<String>,
}

impl Sampling {
    /// Adds a message.
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Sets the maximum number of tokens that the model may generate. The default is 1,000.
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.params["maxTokens"] = tokens.into();
        self
    }

    /// Proposes a system prompt.
    pub fn system(mut self, prompt: impl Into<String>) -> Self {
        self.params["systemPrompt"] = prompt.into().into();
        self
    }

    /// Proposes a temperature. A value that is not finite removes the proposal.
    pub fn temperature(mut self, temperature: f64) -> Self {
        if temperature.is_finite() {
            self.params["temperature"] = temperature.into();
        } else if let Some(params) = self.params.as_object_mut() {
            params.remove("temperature");
        }
        self
    }

    /// Sets the name of the question on the wire. The default name is derived from the question.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl IntoFuture for Sampling {
    type Output = Result<Sample, AskError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let features = self.context.call_context().caller.features;
            let messages = self.messages.iter().map(|message| {
                check(&message.content, features)?;
                Ok(message.to_json(features))
            });
            let mut params = self.params;
            params["messages"] = messages.collect::<Result<Value, AskError>>()?;
            let question = Question::new(Capability::Sampling, params, self.key);
            let read = |answer: &Value| is_message(answer).then(|| Ok(Sample(answer.clone())));
            ask(&self.context, question, read).await
        })
    }
}

/// Returns an error if a message to the model cannot contain this kind of content.
fn check(content: &Content, features: &Features) -> Result<(), AskError> {
    let kind = match content {
        Content::Text(_) | Content::Image(_) => return Ok(()),
        Content::Audio(_) if features.audio => return Ok(()),
        Content::Audio(_) => "audio in this client's revision",
        Content::ResourceLink(_) => "a link to a resource",
        Content::Resource(_) => "an embedded resource",
    };
    let reason = format!("a message to a model cannot contain {kind}");
    Err(AskError::NoForm(reason))
}

/// Returns `true` if an answer is a message of a model. Some clients leave out the model's name.
fn is_message(answer: &Value) -> bool {
    matches!(answer["role"].as_str(), Some("user" | "assistant"))
        && answer.get("model").is_none_or(Value::is_string)
        && blocks(answer).iter().all(is_block)
}

/// Returns the content of a message, which is one block or a list of blocks.
fn blocks(message: &Value) -> &[Value] {
    let content = &message["content"];
    content
        .as_array()
        .map_or(std::slice::from_ref(content), Vec::as_slice)
}

/// Returns `true` if a block has a type that an answer without tools can have, and the members of that type.
fn is_block(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("text") => block["text"].is_string(),
        Some("image" | "audio") => block["data"].is_string() && block["mimeType"].is_string(),
        _ => false,
    }
}

/// A message that the client's model generated.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Translate a text.
/// #[tool]
/// async fn translate(text: String, context: Context) -> Result<String, ToolError> {
///     let sample = context.sample(format!("Translate into French: {text}")).await?;
///     Ok(format!("{} (by {})", sample.text(), sample.model()))
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(Value);

impl Sample {
    /// Returns the text of the message. Its text blocks are joined by line breaks.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = blocks(&self.0)
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect();
        texts.join("\n")
    }

    /// Returns the name of the model.
    pub fn model(&self) -> &str {
        self.0["model"].as_str().unwrap_or_default()
    }

    /// Returns the whole answer as JSON, as the client sent it.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}
