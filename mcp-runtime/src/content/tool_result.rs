//! The results of tools.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::block::{Audio, Content, EmbeddedResource, Image, ResourceLink, Text};
use super::failure::Failure;
use super::json::{Json, JsonWithText};
use super::markers::{Failed, Nested, Plain};
use super::meta::checked_meta;
use super::rest::Rest;
use crate::error::ToolError;
use crate::finite;
use crate::schema::{Schemas, is_object};

/// The result of a tool, for full control over its content, structured content and `_meta`.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result>.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use serde_json::json;
///
/// /// Count the words of a text.
/// #[tool(read_only)]
/// async fn count(text: String) -> Result<ToolResult, ToolError> {
///     let words = text.split_whitespace().count();
///     ToolResult::new().content(format!("{words} words")).structured(&json!({ "words": words }))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("app", "1.0.0").with(components![count]).client().await;
/// let reply = client.call("count", json!({ "text": "to be or not" })).await?;
/// assert_eq!(reply.text(), "4 words");
/// assert_eq!(reply.structured()["words"], 4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ToolResult {
    pub(crate) content: Vec<Content>,
    pub(crate) structured: Option<Structured>,
    /// The error of a tool that failed. In outcomes, only that of arguments that were refused.
    pub(crate) failure: Option<ToolError>,
    pub(crate) meta: Option<Map<String, Value>>,
    /// The stream of the remaining content.
    pub(crate) rest: Option<Rest>,
    /// `true` for the result of a tool that panicked. What a layer returns in its place is another result.
    pub(crate) panicked: bool,
}

/// Structured content.
#[derive(Debug, Clone)]
pub(crate) enum Structured {
    /// A JSON text.
    Json(String),
    /// A number or `bool`, always wrapped in `{"result": ..}`.
    Scalar(Value),
}

/// The JSON Schema of structured content.
#[derive(Debug, Clone)]
pub struct OutputSchema {
    pub(crate) schema: Value,
    /// `true` if the content is wrapped in `{"result": ..}`, because it is not always an object.
    pub(crate) wraps: bool,
}

impl OutputSchema {
    fn of<T: JsonSchema>(schemas: &mut Schemas) -> Self {
        let mut schema = schemas.of::<T>().schema;
        let wraps = !is_object(&schema);
        if wraps {
            schema = json!({ "type": "object", "properties": { "result": schema }, "required": ["result"] });
        } else if let Some(schema) = schema.as_object_mut() {
            // The schema of an enum of objects has no `type` at the top, but clients require one.
            schema.entry("type").or_insert_with(|| "object".into());
        }
        Self { schema, wraps }
    }
}

impl ToolResult {
    /// Creates a result without content.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a result of a tool that failed, with an error message. Content that is added later follows the message.
    pub fn error(message: impl Into<String>) -> Self {
        ToolError::new(message).into_tool_result()
    }

    /// Wraps structured content if the schema requires it or, without a schema, if the data is not an object.
    pub(crate) fn wrap(&mut self, schema: Option<&OutputSchema>) {
        if let Some(Structured::Json(json)) = &mut self.structured
            && schema.map_or(!json.starts_with('{'), |schema| schema.wraps)
        {
            json.insert_str(0, "{\"result\":");
            json.push('}');
        }
    }

    /// Returns the structured content as it is sent.
    pub(crate) fn structured_value(&self) -> Option<Value> {
        match self.structured.as_ref()? {
            Structured::Json(json) => serde_json::from_str(json).ok(),
            Structured::Scalar(value) => Some(json!({ "result": value })),
        }
    }

    /// Returns the texts of all content blocks, joined by line breaks.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|block| match block {
            Content::Text(text) => Some(&*text.text),
            _ => None,
        });
        texts.collect::<Vec<&str>>().join("\n")
    }

    /// Returns the structured content, or null if there is none.
    pub fn structured_content(&self) -> Value {
        self.structured_value().unwrap_or_default()
    }

    /// Returns `true` if the tool failed.
    pub fn is_error(&self) -> bool {
        self.failure.is_some()
    }

    /// Adds a piece of content.
    pub fn content(mut self, content: impl Into<Content>) -> Self {
        self.content.push(content.into());
        self
    }

    /// Sets the structured content. It is not added as text.
    ///
    /// # Errors
    /// Returns an error if the value cannot be serialised as JSON.
    pub fn structured(mut self, value: &impl Serialize) -> Result<Self, ToolError> {
        self.structured = Some(Structured::Json(finite::to_json(value)?));
        Ok(self)
    }

    /// Sets `_meta` of the result.
    ///
    /// A key that breaks the rules of <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>, or has a prefix
    /// that is reserved for the protocol, is omitted, and a warning is logged.
    pub fn meta(mut self, meta: Map<String, Value>) -> Self {
        self.meta = checked_meta(meta);
        self
    }
}

/// A type that a `#[tool]` function can return.
///
/// `M` distinguishes kinds of results for the compiler, which infers it.
///
/// # Errors
///
/// The error of a `Result` is a [`ToolError`], any error that converts into one, or a [`ToolResult`]: content that is sent as
/// an error, with `isError: true`.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::ResourceLink;
///
/// /// Deploy the newest version.
/// #[tool]
/// async fn deploy() -> Result<String, ToolResult> {
///     let log = ResourceLink::new("logs://deploy/7", "the log");
///     Err(ToolResult::error("The deployment failed").content(log))
/// }
/// ```
///
/// # Streams
///
/// A [`Stream`](futures_core::Stream) of content is a result too. If the client asked for progress, each item is sent
/// immediately as a progress notification: the progress is the number of the item, the message its text. The final result
/// contains all items, or the first error in place of them. The stream is dropped when the client cancels the call.
///
/// The rate of progress notifications is limited as described at [`Context::progress`](crate::Context::progress). The result
/// always contains all items.
///
/// ```
/// use futures_core::Stream;
/// use mcp_runtime::prelude::*;
///
/// /// Count down.
/// #[tool]
/// async fn count_down(from: u32) -> impl Stream<Item = String> {
///     futures_util::stream::iter((0..=from).rev().map(|number| number.to_string()))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a tool",
    label = "not the result of a tool",
    note = "to return data, wrap it in `Json(..)`; its type needs `#[derive(serde::Serialize, schemars::JsonSchema)]`",
    note = "text, numbers, `bool`, `()`, images and other content, a `Vec` or tuple of content, and an `Option` or `Result` of any of these are results too",
    note = "a `Stream` of content is a result too, if it is `Send` and owns what it uses",
    note = "the error in a `Result` implements `std::error::Error`, or is `ToolError`, `String` or `Box<dyn std::error::Error + Send + Sync>`",
    note = "if this is a future, make the function an `async fn`"
)]
pub trait IntoToolResult<M = Plain> {
    /// Converts into a result.
    fn into_tool_result(self) -> ToolResult;

    /// Returns the JSON Schema of the structured content, if the result always has some.
    #[doc(hidden)]
    fn output_schema(schemas: &mut Schemas) -> Option<OutputSchema> {
        let _ = schemas;
        None
    }
}

#[diagnostic::do_not_recommend]
impl IntoToolResult for ToolResult {
    fn into_tool_result(self) -> ToolResult {
        self
    }
}

#[diagnostic::do_not_recommend]
impl IntoToolResult for ToolError {
    fn into_tool_result(self) -> ToolResult {
        ToolResult {
            failure: Some(self),
            ..ToolResult::default()
        }
    }
}

#[diagnostic::do_not_recommend]
impl IntoToolResult for () {
    fn into_tool_result(self) -> ToolResult {
        ToolResult::default()
    }
}

macro_rules! one_block {
    ($($content:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoToolResult for $content {
            fn into_tool_result(self) -> ToolResult {
                ToolResult::new().content(self)
            }
        }
    )*};
}

one_block!(String &str Text Image Audio ResourceLink EmbeddedResource Content);

#[diagnostic::do_not_recommend]
impl IntoToolResult for Cow<'_, str> {
    fn into_tool_result(self) -> ToolResult {
        self.into_owned().into_tool_result()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<Content>> IntoToolResult for Vec<T> {
    fn into_tool_result(self) -> ToolResult {
        ToolResult {
            content: self.into_iter().map(Into::into).collect(),
            ..ToolResult::default()
        }
    }
}

macro_rules! tuples {
    ($(($($part:ident)*))*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($part: Into<Content>),*> IntoToolResult for ($($part,)*) {
            #[allow(non_snake_case)] // the variables have the names of their types
            fn into_tool_result(self) -> ToolResult {
                let ($($part,)*) = self;
                ToolResult::new()$(.content($part))*
            }
        }
    )*};
}

tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F)(A B C D E F G)(A B C D E F G H));

macro_rules! scalars {
    ($($check:expr, $text:expr, $structured:expr => $($scalar:ty)*;)*) => {$($(
        #[diagnostic::do_not_recommend]
        impl IntoToolResult for $scalar {
            fn into_tool_result(self) -> ToolResult {
                let text: fn($scalar) -> String = $text;
                let text = text(self);
                let holds: fn($scalar) -> bool = $check;
                if !holds(self) {
                    return ToolResult::error(format!("the result is {text}, which JSON cannot hold"));
                }
                let structured: fn($scalar) -> Structured = $structured;
                ToolResult { content: vec![text.into()], structured: Some(structured(self)), ..ToolResult::new() }
            }

            fn output_schema(schemas: &mut Schemas) -> Option<OutputSchema> {
                Some(OutputSchema::of::<Self>(schemas))
            }
        }
    )*)*};
}

scalars! {
    |_| true, |value| value.to_string(), |value| Structured::Scalar(value.into()) =>
        bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize;
    |_| true, |value| value.to_string(), |value| Structured::Json(value.to_string()) => i128 u128;
    |number| number.is_finite(), float_text, |value| Structured::Scalar(value.into()) => f64;
    // Formatted as `f32`, because the same number as `f64` has more digits.
    |number| number.is_finite(), |value| value.to_string(), |value| Structured::Json(format!("{value:?}")) => f32;
}

/// Formats a number. Whole numbers are formatted as integers, which is much faster.
fn float_text(number: f64) -> String {
    #[allow(clippy::cast_possible_truncation)] // the comparison below detects it
    let whole = number as i32;
    if f64::from(whole).to_bits() == number.to_bits() {
        itoa::Buffer::new().format(whole).to_owned()
    } else {
        number.to_string()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> IntoToolResult for Json<T> {
    fn into_tool_result(self) -> ToolResult {
        let json = match finite::to_json(&self.0) {
            Ok(json) => json,
            Err(error) => return ToolError::from(error).into_tool_result(),
        };
        ToolResult {
            structured: Some(Structured::Json(json.clone())),
            ..ToolResult::new().content(json)
        }
    }

    fn output_schema(schemas: &mut Schemas) -> Option<OutputSchema> {
        Some(OutputSchema::of::<T>(schemas))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> IntoToolResult for JsonWithText<T> {
    fn into_tool_result(self) -> ToolResult {
        let result = ToolResult::new().content(self.text);
        let result = result.structured(&self.value);
        result.unwrap_or_else(IntoToolResult::into_tool_result)
    }

    fn output_schema(schemas: &mut Schemas) -> Option<OutputSchema> {
        Some(OutputSchema::of::<T>(schemas))
    }
}

#[diagnostic::do_not_recommend]
impl<M, T: IntoToolResult<M>> IntoToolResult<Nested<M>> for Option<T> {
    fn into_tool_result(self) -> ToolResult {
        self.map_or_else(ToolResult::default, T::into_tool_result)
    }
}

impl<M, T: IntoToolResult<M>, E: Failure> IntoToolResult<Nested<M>> for Result<T, E> {
    fn into_tool_result(self) -> ToolResult {
        match self {
            Ok(value) => value.into_tool_result(),
            Err(error) => error.into_tool_error().into_tool_result(),
        }
    }

    fn output_schema(schemas: &mut Schemas) -> Option<OutputSchema> {
        T::output_schema(schemas)
    }
}

/// The error of a tool with any content. The message of [`ToolResult::error`], if it was made by that, comes first.
#[diagnostic::do_not_recommend]
impl<M, T: IntoToolResult<M>> IntoToolResult<Failed<M>> for Result<T, ToolResult> {
    fn into_tool_result(self) -> ToolResult {
        match self {
            Ok(value) => value.into_tool_result(),
            Err(mut result) => {
                result.failure.get_or_insert_with(ToolError::of_content);
                result
            }
        }
    }

    fn output_schema(schemas: &mut Schemas) -> Option<OutputSchema> {
        T::output_schema(schemas)
    }
}
