//! Results that are streams of content.
//!
//! The protocol has no partial results: `dispatch` collects the items.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::block::Content;
use super::failure::Failure;
use super::markers::{Nested, Plain};
use super::rest::Rest;
use super::tool_result::{IntoToolResult, ToolResult};
use crate::error::ToolError;

/// Marks results that are a stream of items.
#[derive(Debug)]
pub struct Streamed<M>(PhantomData<M>);

/// An item of a stream that a tool returns: content, or a `Result` of content.
///
/// `M` distinguishes the two for the compiler, which infers it.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Read some lines. An item that is an error ends the result.
/// #[tool(read_only)]
/// fn lines() -> impl futures_util::Stream<Item = Result<String, std::io::Error>> {
///     futures_util::stream::iter([Ok("one".to_owned()), Ok("two".to_owned())])
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an item of a tool's stream",
    label = "not content",
    note = "an item is text, an image or other content, or a `Result` of it"
)]
pub trait StreamItem<M = Plain> {
    /// Converts into content.
    ///
    /// # Errors
    /// Returns an error if the item is one. The error replaces all content of the result.
    fn into_content(self) -> Result<Content, ToolError>;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Content>> StreamItem for T {
    fn into_content(self) -> Result<Content, ToolError> {
        Ok(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<Content>, E: Failure> StreamItem<Nested<Plain>> for Result<T, E> {
    fn into_content(self) -> Result<Content, ToolError> {
        self.map(Into::into).map_err(Failure::into_tool_error)
    }
}

#[diagnostic::do_not_recommend]
impl<S, M> IntoToolResult<Streamed<M>> for S
where
    S: Stream<Item: StreamItem<M>> + Send + 'static,
    M: 'static,
{
    fn into_tool_result(self) -> ToolResult {
        let contents = Contents {
            stream: Box::pin(self),
            kind: PhantomData,
        };
        ToolResult {
            rest: Some(Rest::new(contents)),
            ..ToolResult::default()
        }
    }
}

/// The items of a stream as content.
struct Contents<S, M> {
    stream: Pin<Box<S>>,
    kind: PhantomData<fn() -> M>,
}

impl<S: Stream<Item: StreamItem<M>>, M> Stream for Contents<S, M> {
    type Item = Result<Content, ToolError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(context);
        next.map(|item| item.map(StreamItem::into_content))
    }
}
