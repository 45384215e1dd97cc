//! The results of resources.

use serde::Serialize;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::json::Json;
use super::meta::checked_meta;
use super::well_formed::{checked_mime, checked_scheme};
use crate::error::ToolError;
use crate::finite;

/// The contents of a resource: text or bytes.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// All files of a folder.
/// #[resource("folder://{name}")]
/// async fn folder(name: String) -> Vec<ResourceContents> {
///     vec![
///         ResourceContents::text("# Notes").uri(format!("folder://{name}/notes.md")).mime("text/markdown"),
///         ResourceContents::bytes(b"\x89PNG".to_vec()).uri(format!("folder://{name}/logo.png")).mime("image/png"),
///     ]
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceContents {
    pub(crate) uri: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) body: Body,
    pub(crate) meta: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Text(String),
    Bytes(Vec<u8>),
}

impl ResourceContents {
    /// Creates contents from text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Body::Text(text.into()))
    }

    /// Creates contents from bytes, which are base64-encoded on the wire.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Body::Bytes(bytes.into()))
    }

    fn new(body: Body) -> Self {
        Self {
            uri: None,
            mime: None,
            body,
            meta: None,
        }
    }

    /// Sets the URI, if it differs from the one that was read. It begins with a scheme, or is ignored, and a warning is
    /// logged.
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = Some(uri.into()).filter(|uri| checked_scheme(uri));
        self
    }

    /// Sets the MIME type, if it differs from the declared one. An invalid one is omitted, and a warning is logged.
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = checked_mime(mime.into());
        self
    }

    /// Sets `_meta`.
    ///
    /// A key that breaks the rules of <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>, or has a prefix
    /// that is reserved for the protocol, is omitted, and a warning is logged.
    pub fn meta(mut self, meta: Map<String, Value>) -> Self {
        self.meta = checked_meta(meta);
        self
    }
}

/// The outcome of reading a resource: its contents in one or more parts, `None` if there is no such resource, or an error.
pub type ResourceOutcome = Result<Option<Vec<ResourceContents>>, ToolError>;

/// A type that a `#[resource]` function can return.
///
/// Text becomes `text`, bytes become `blob`, and [`Json`] becomes `text` of the type `application/json`. `None` means that
/// there is no such resource.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// A text.
/// #[resource("cafe://hours")]
/// async fn hours() -> &'static str {
///     "8:00 to 18:00"
/// }
///
/// /// Bytes, or "Resource not found".
/// #[resource("cafe://pictures/{name}", mime = "image/png")]
/// async fn picture(name: String) -> Option<Vec<u8>> {
///     (name == "logo").then(|| b"\x89PNG".to_vec())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a resource",
    label = "not the contents of a resource",
    note = "to return data, wrap it in `Json(..)`; its type needs `#[derive(serde::Serialize)]`",
    note = "text, `Vec<u8>`, `ResourceContents`, a `Vec` of them, and an `Option` or `Result` of any of these are contents too",
    note = "if this is a future, make the function an `async fn`"
)]
pub trait IntoResource<M = super::Plain> {
    /// The default MIME type of the result, used if none is declared.
    const MIME: Option<&'static str> = None;

    /// Converts into contents.
    ///
    /// # Errors
    /// Returns an error if the resource could not be read.
    fn into_resource(self) -> Result<Option<Vec<ResourceContents>>, ToolError>;
}

macro_rules! one_part {
    ($($type:ty, $mime:literal, $make:ident;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoResource for $type {
            const MIME: Option<&'static str> = Some($mime);

            fn into_resource(self) -> ResourceOutcome {
                ResourceContents::$make(self).into_resource()
            }
        }
    )*};
}

one_part! {
    String, "text/plain", text;
    &str, "text/plain", text;
    Vec<u8>, "application/octet-stream", bytes;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> IntoResource for Json<T> {
    const MIME: Option<&'static str> = Some("application/json");

    fn into_resource(self) -> ResourceOutcome {
        ResourceContents::text(finite::to_json(&self.0)?).into_resource()
    }
}

#[diagnostic::do_not_recommend]
impl IntoResource for ResourceContents {
    fn into_resource(self) -> ResourceOutcome {
        Ok(Some(vec![self]))
    }
}

#[diagnostic::do_not_recommend]
impl IntoResource for Vec<ResourceContents> {
    fn into_resource(self) -> ResourceOutcome {
        Ok(Some(self))
    }
}

#[diagnostic::do_not_recommend]
impl<M, T: IntoResource<M>> IntoResource<M> for Option<T> {
    const MIME: Option<&'static str> = T::MIME;

    fn into_resource(self) -> ResourceOutcome {
        self.map_or(Ok(None), T::into_resource)
    }
}

impl<M, T: IntoResource<M>, E: Failure> IntoResource<M> for Result<T, E> {
    const MIME: Option<&'static str> = T::MIME;

    fn into_resource(self) -> ResourceOutcome {
        self.map_err(Failure::into_tool_error)
            .and_then(T::into_resource)
    }
}
