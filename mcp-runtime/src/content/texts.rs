//! The texts and the sizes of content, for code that limits or changes results.

use super::block::Content;
use super::resource::{Body, ResourceContents};
use super::tool_result::{Structured, ToolResult};

/// Returns the length of bytes in base64.
fn base64_length(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(3) * 4
}

impl Content {
    /// Returns the text of a text block or of an embedded resource.
    pub(crate) fn inner_text(&self) -> Option<&String> {
        match self {
            Self::Text(text) => Some(&text.text),
            Self::Resource(resource) => resource.contents.inner_text(),
            Self::Image(_) | Self::Audio(_) | Self::ResourceLink(_) => None,
        }
    }

    /// Returns the text of a text block or of an embedded resource, to change it.
    pub(crate) fn inner_text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Text(text) => Some(&mut text.text),
            Self::Resource(resource) => resource.contents.inner_text_mut(),
            Self::Image(_) | Self::Audio(_) | Self::ResourceLink(_) => None,
        }
    }

    /// Returns the size in bytes, of texts before they are escaped as JSON.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.text.len(),
            Self::Image(image) => base64_length(&image.data),
            Self::Audio(audio) => base64_length(&audio.data),
            Self::ResourceLink(link) => link.uri.len() + link.name.len(),
            Self::Resource(resource) => resource.contents.size(),
        }
    }
}

impl ResourceContents {
    /// Returns the text, unless the contents are bytes.
    pub(crate) fn inner_text(&self) -> Option<&String> {
        match &self.body {
            Body::Text(text) => Some(text),
            Body::Bytes(_) => None,
        }
    }

    /// Returns the text to change it, unless the contents are bytes.
    pub(crate) fn inner_text_mut(&mut self) -> Option<&mut String> {
        match &mut self.body {
            Body::Text(text) => Some(text),
            Body::Bytes(_) => None,
        }
    }

    /// Returns the size in bytes, of texts before they are escaped as JSON.
    pub(crate) fn size(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.len(),
            Body::Bytes(bytes) => base64_length(bytes),
        }
    }
}

impl ToolResult {
    /// Returns the size in bytes, of texts before they are escaped as JSON.
    pub(crate) fn bytes(&self) -> usize {
        let structured = match &self.structured {
            Some(Structured::Json(json)) => json.len(),
            Some(Structured::Scalar(_)) | None => 0,
        };
        structured + self.content.iter().map(Content::bytes).sum::<usize>()
    }

    /// Returns a copy of a complete result that is not an error, or `None` if it is another.
    pub(crate) fn copy(&self) -> Option<Self> {
        if self.failure.is_some() || self.rest.is_some() {
            return None;
        }
        Some(Self {
            content: self.content.clone(),
            structured: self.structured.clone(),
            failure: None,
            meta: self.meta.clone(),
            rest: None,
            panicked: false,
        })
    }
}
