//! Content blocks of results and prompts.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/schema#contentblock>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::icon::{Icon, IntoIcons};
use super::meta::checked_meta;
use super::resource::ResourceContents;
use super::well_formed::{checked_mime, checked_scheme, is_iso_8601};

/// The sender or the audience of content.
///
/// ```
/// use mcp_runtime::{Annotations, Role};
///
/// let for_the_user = Annotations::new().audience([Role::User]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// Hints for clients about a piece of content or a resource.
///
/// ```
/// use mcp_runtime::{Annotations, Role, prelude::*};
///
/// /// Draw a picture for the user, which the model need not see.
/// #[tool(read_only)]
/// async fn picture() -> Image {
///     Image::png(b"\x89PNG".to_vec()).annotations(Annotations::new().audience([Role::User]).priority(0.5))
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Annotations {
    /// The intended audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<Role>>,
    /// The time of the last change, as an ISO 8601 date and time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The importance, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
}

impl Annotations {
    /// Creates annotations without any hints.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the intended audience.
    pub fn audience(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.audience = Some(roles.into_iter().collect());
        self
    }

    /// Sets the time of the last change, an ISO 8601 date and time.
    pub fn last_modified(mut self, time: impl Into<String>) -> Self {
        self.last_modified = Some(time.into());
        self
    }

    /// Sets the importance, from 0 to 1. Values outside this range are clamped.
    pub fn priority(mut self, priority: f64) -> Self {
        self.priority = Some(priority.clamp(0.0, 1.0));
        self
    }

    /// Returns the errors of the hints, for definitions.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = String> {
        let priority = self.priority.filter(|it| !(0.0..=1.0).contains(it));
        let priority = priority.map(|it| format!("the priority {it} is not a number from 0 to 1"));
        let time = self.last_modified.as_ref().filter(|it| !is_iso_8601(it));
        let time = time.map(|it| {
            format!("`{it}` is not a date of ISO 8601: write one such as `2026-01-31T12:00:00Z`")
        });
        priority.into_iter().chain(time)
    }

    /// Returns the annotations with their priority clamped, and without the hints that are invalid, which are logged.
    pub(crate) fn checked(mut self) -> Self {
        self.priority = self.priority.map(|priority| priority.clamp(0.0, 1.0));
        for mistake in self.mistakes() {
            tracing::warn!("{mistake}; the annotation is left out");
        }
        self.priority = self.priority.filter(|priority| !priority.is_nan());
        self.last_modified = self.last_modified.filter(|time| is_iso_8601(time));
        self
    }
}

/// A piece of content.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Describe a picture.
/// #[tool(read_only)]
/// async fn describe(with_picture: bool) -> Vec<Content> {
///     let mut content = vec![Content::text("A red dot.")];
///     if with_picture {
///         content.push(Image::png(b"\x89PNG".to_vec()).into());
///     }
///     content
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A text.
    Text(Text),
    /// An image.
    Image(Image),
    /// A sound. Clients of revisions before 2025-03-26 receive it as an embedded resource.
    Audio(Audio),
    /// A link to a resource. Clients of revisions before 2025-06-18 receive it as text.
    ResourceLink(ResourceLink),
    /// An embedded resource.
    Resource(EmbeddedResource),
}

impl Content {
    /// Creates a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::new(text))
    }

    /// Returns the text of a text block.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.text),
            _ => None,
        }
    }
}

/// The optional members that all blocks have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Extras {
    pub(crate) annotations: Option<Annotations>,
    pub(crate) meta: Option<Map<String, Value>>,
}

macro_rules! extras {
    ($($block:ident)*) => {$(
        impl $block {
            /// Sets the annotations.
            ///
            /// A hint that is invalid is omitted, and a warning is logged.
            pub fn annotations(mut self, annotations: Annotations) -> Self {
                self.extras.annotations = Some(annotations.checked());
                self
            }

            /// Sets `_meta`.
            ///
            /// A key that breaks the rules of <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>, or has a
            /// prefix that is reserved for the protocol, is omitted, and a warning is logged.
            pub fn meta(mut self, meta: Map<String, Value>) -> Self {
                self.extras.meta = checked_meta(meta);
                self
            }
        }
    )*};
}

extras!(Text Image Audio ResourceLink EmbeddedResource);

/// A text that can have annotations and `_meta`. A plain `String` is a text without them.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub(crate) text: String,
    pub(crate) extras: Extras,
}

impl Text {
    /// Creates a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            extras: Extras::default(),
        }
    }
}

macro_rules! binary {
    ($(#[$what:meta] $block:ident, $($(#[$doc:meta])* $constructor:ident $mime:literal),*;)*) => {$(
        #[$what]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $block {
            pub(crate) data: Vec<u8>,
            pub(crate) mime: String,
            pub(crate) extras: Extras,
        }

        impl $block {
            /// Creates a block from raw bytes and their MIME type. The bytes are base64-encoded on the wire.
            ///
            /// An invalid MIME type is replaced by `application/octet-stream`, and a warning is logged.
            pub fn new(data: impl Into<Vec<u8>>, mime: impl Into<String>) -> Self {
                let mime = checked_mime(mime.into());
                Self {
                    data: data.into(),
                    mime: mime.unwrap_or_else(|| "application/octet-stream".to_owned()),
                    extras: Extras::default(),
                }
            }

            $($(#[$doc])*
            pub fn $constructor(data: impl Into<Vec<u8>>) -> Self {
                Self::new(data, $mime)
            })*
        }
    )*};
}

binary! {
    /// An image.
    Image,
        /// Creates an image from a PNG file.
        png "image/png",
        /// Creates an image from a JPEG file.
        jpeg "image/jpeg";
    /// A sound.
    Audio,
        /// Creates a sound from a WAV file.
        wav "audio/wav",
        /// Creates a sound from an MP3 file.
        mp3 "audio/mpeg";
}

/// A link to a resource that the client can read.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Find a report.
/// #[tool(read_only)]
/// async fn find(month: String) -> ResourceLink {
///     ResourceLink::new(format!("reports://{month}"), "report").description("All sales of the month.").mime("text/csv")
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceLink {
    pub(crate) uri: String,
    /// `false` if the URI has no scheme. Clients receive such a link as text.
    pub(crate) has_scheme: bool,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) extras: Extras,
}

impl ResourceLink {
    /// Creates a link to the resource at `uri`, which begins with a scheme.
    ///
    /// Characters that are not allowed in URIs are percent-encoded. A link without a scheme is sent as text and omitted
    /// from lists, and a warning is logged.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        let uri = uri.into();
        Self {
            has_scheme: checked_scheme(&uri),
            uri,
            name: name.into(),
            title: None,
            description: None,
            mime: None,
            size: None,
            icons: Vec::new(),
            extras: Extras::default(),
        }
    }

    /// Sets the display name.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the MIME type. An invalid one is omitted, and a warning is logged.
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = checked_mime(mime.into());
        self
    }

    /// Sets the size, in bytes.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Sets the icons that a client may show beside the link.
    ///
    /// Icons with other sources than `https://` and `data:` URIs, and other invalid icons, are omitted, because clients
    /// must refuse them.
    pub fn icons(mut self, icons: impl IntoIcons) -> Self {
        self.icons = icons.into_icons();
        self.icons.retain(|icon| icon.mistake().is_none());
        self
    }
}

/// A resource embedded in a result or prompt.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Return the menu.
/// #[tool(read_only)]
/// async fn menu() -> EmbeddedResource {
///     EmbeddedResource::new("cafe://menu", ResourceContents::text("latte: 3.80").mime("text/plain"))
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedResource {
    pub(crate) contents: ResourceContents,
    pub(crate) extras: Extras,
}

impl EmbeddedResource {
    /// Embeds the contents of the resource at `uri`, which begins with a scheme. Without one, a warning is logged, and the
    /// contents have the URI `resource:///inline`.
    pub fn new(uri: impl Into<String>, contents: ResourceContents) -> Self {
        Self {
            contents: contents.uri(uri),
            extras: Extras::default(),
        }
    }
}

macro_rules! into_content {
    ($($block:ident => $variant:ident,)*) => {$(
        impl From<$block> for Content {
            fn from(block: $block) -> Self {
                Self::$variant(block)
            }
        }
    )*};
}

into_content! {
    Text => Text,
    Image => Image,
    Audio => Audio,
    ResourceLink => ResourceLink,
    EmbeddedResource => Resource,
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
