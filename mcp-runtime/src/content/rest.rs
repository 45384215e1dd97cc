//! Content that is produced after its result was returned.

use std::fmt;
use std::pin::Pin;

use futures_core::Stream;

use super::block::Content;
use crate::error::ToolError;
use crate::sync::Mutex;

type BoxStream = Pin<Box<dyn Stream<Item = Result<Content, ToolError>> + Send>>;

/// The stream of a result's remaining content. The mutex is never locked; it only makes results [`Sync`].
pub(crate) struct Rest(Mutex<BoxStream>);

impl Rest {
    pub(super) fn new(
        contents: impl Stream<Item = Result<Content, ToolError>> + Send + 'static,
    ) -> Self {
        Self(Mutex::new(Box::pin(contents)))
    }

    pub(crate) fn into_stream(self) -> BoxStream {
        self.0.into_inner()
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rest(..)")
    }
}
