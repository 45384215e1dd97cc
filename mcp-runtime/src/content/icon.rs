//! Icons of components, links and the server.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::well_formed::{is_uri, mime_mistake};

/// The background that an icon is drawn for.
///
/// ```
/// use mcp_runtime::{Icon, IconTheme, Server};
///
/// let server = Server::new("app", "1.0.0").icons([
///     Icon::new("https://example.com/light.png").theme(IconTheme::Light),
///     Icon::new("https://example.com/dark.png").theme(IconTheme::Dark),
/// ]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IconTheme {
    /// A light background.
    Light,
    /// A dark background.
    Dark,
}

/// An icon that a client may show beside a component, a link or the server's name.
///
/// ```
/// use mcp_runtime::{Icon, IconTheme, prelude::*};
///
/// /// Water the plants.
/// #[tool(icons = [
///     Icon::new("https://example.com/can.svg").mime("image/svg+xml").sizes(["any"]),
///     Icon::new("https://example.com/can-dark.png").sizes(["48x48", "96x96"]).theme(IconTheme::Dark),
/// ])]
/// async fn water() {}
/// ```
///
/// The source of an icon must be an `https://` URL or a `data:` URI, because clients accept no others. A server with another
/// icon cannot be built.
/// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Icon {
    src: String,
    #[serde(rename = "mimeType", skip_serializing_if = "Option::is_none")]
    mime: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sizes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theme: Option<IconTheme>,
}

impl Icon {
    /// Creates an icon from an `https://` URL or a `data:` URI.
    pub fn new(src: impl Into<String>) -> Self {
        Self {
            src: src.into(),
            mime: None,
            sizes: Vec::new(),
            theme: None,
        }
    }

    /// Sets the MIME type, such as `image/png`, if the source does not specify it.
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into());
        self
    }

    /// Sets the sizes of the icon, in pixels: each is of the form `48x48`, or `any` for a scalable format.
    pub fn sizes<S: Into<String>>(mut self, sizes: impl IntoIterator<Item = S>) -> Self {
        self.sizes = sizes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the background that the icon is drawn for.
    pub fn theme(mut self, theme: IconTheme) -> Self {
        self.theme = Some(theme);
        self
    }

    /// Returns the reason why a client would refuse the icon, if there is one.
    pub(crate) fn mistake(&self) -> Option<String> {
        let place = format!("the icon `{}`", self.src);
        if let Some(mistake) = self.source_mistake() {
            return Some(format!("{place} {mistake}"));
        }
        if let Some(size) = self.sizes.iter().find(|size| !is_size(size)) {
            let mistake = format!("has the size `{size}`: write `48x48`, or `any`");
            return Some(format!("{place} {mistake}"));
        }
        let mistake = self.mime.as_deref().and_then(mime_mistake)?;
        Some(format!("{place}: {mistake}"))
    }

    fn source_mistake(&self) -> Option<&'static str> {
        let after = |scheme: &str| {
            let (start, rest) = self.src.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        match (after("https://"), after("data:")) {
            (None, None) => Some("must be at an `https://` URL or in a `data:` URI"),
            (_, Some(data)) if !is_base64_data(data) => {
                Some("is a `data:` URI that is not base64: write `data:image/png;base64,..`")
            }
            _ if !is_uri(&self.src) => {
                Some("contains a character that a URI does not allow: percent-encode it")
            }
            _ => None,
        }
    }
}

/// Returns `true` for the part of a `data:` URI after the scheme, if it is base64 with a MIME type.
fn is_base64_data(data: &str) -> bool {
    data.split_once(";base64,")
        .is_some_and(|(mime, data)| mime_mistake(mime).is_none() && STANDARD.decode(data).is_ok())
}

fn is_size(size: &str) -> bool {
    let is_number = |text: &str| {
        !text.is_empty() && !text.starts_with('0') && text.bytes().all(|it| it.is_ascii_digit())
    };
    size == "any"
        || size
            .split_once('x')
            .is_some_and(|(width, height)| is_number(width) && is_number(height))
}

/// A type that converts into a list of icons: an [`Icon`], a `Vec` or an array.
///
/// ```
/// use mcp_runtime::{Icon, Server};
///
/// let one = Server::new("app", "1.0.0").icons(Icon::new("https://example.com/icon.png"));
/// let several = Server::new("app", "1.0.0").icons(vec![Icon::new("https://example.com/icon.svg").mime("image/svg+xml")]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of icons",
    label = "neither an `Icon` nor a list of them",
    note = "write `[mcp_runtime::Icon::new(\"https://example.com/icon.png\")]`"
)]
pub trait IntoIcons {
    /// Converts into a list.
    fn into_icons(self) -> Vec<Icon>;
}

#[diagnostic::do_not_recommend]
impl IntoIcons for Icon {
    fn into_icons(self) -> Vec<Icon> {
        vec![self]
    }
}

#[diagnostic::do_not_recommend]
impl IntoIcons for Vec<Icon> {
    fn into_icons(self) -> Vec<Icon> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> IntoIcons for [Icon; N] {
    fn into_icons(self) -> Vec<Icon> {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_sources_and_real_sizes_are_right() {
        for right in [
            Icon::new("https://example.com/a.png").sizes(["48x48", "any"]),
            Icon::new("HTTPS://example.com/a.png"),
            Icon::new("data:image/png;base64,AA=="),
        ] {
            assert_eq!(right.mistake(), None);
        }
        for wrong in [
            Icon::new("http://example.com/a.png"),
            Icon::new("javascript:alert(1)"),
            Icon::new("/a.png"),
            Icon::new("https"),
            Icon::new("データ"),
            Icon::new("https://a").sizes(["48"]),
            Icon::new("https://a").sizes(["x48"]),
            Icon::new("https://a").sizes(["large"]),
        ] {
            assert!(wrong.mistake().is_some(), "{wrong:?}");
        }
    }
}
