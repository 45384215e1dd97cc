//! The values of HTTP headers that repeat a part of the body, and headers of requests without HTTP.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding>.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::HeaderSource;

/// The headers of requests that an in-process client sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderList(Vec<(String, String)>);

impl HeaderList {
    /// Sets a header, in place of an earlier one of this name.
    pub(crate) fn set(&mut self, name: String, value: String) {
        self.0
            .retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.0.push((name, value));
    }

    fn find(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl HeaderSource for HeaderList {
    fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&str> {
        let is_visible = |value: &&str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        self.find(name).filter(is_visible)
    }

    fn single(&self, name: &str) -> Result<Option<&str>, String> {
        Ok(self.get(name).map(str::trim))
    }
}

/// Decodes a header value: base64 of UTF-8 if it has the base64 markers, otherwise the value itself. Returns `None`
/// if it has the markers and cannot be decoded.
pub(crate) fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let Some(encoded) = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="))
    else {
        return Some(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Encodes a header value: as it is, or as base64 with the markers if it is not plain text or could be taken for base64.
#[cfg(feature = "proxy")]
pub(crate) fn encoded(value: &str) -> Cow<'_, str> {
    let is_visible = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_bare = value.trim() == value && !value.is_empty();
    let is_marked = value.starts_with("=?base64?") && value.ends_with("?=");
    if is_visible && is_bare && !is_marked {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("=?base64?{}?=", STANDARD.encode(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_markers_mean_base64() {
        for (value, text) in [
            ("add", Some("add")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
            ("=?base64?IHBhZGRlZCA=?=", Some(" padded ")),
            (
                "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
                Some("=?base64?literal?="),
            ),
            ("=?base64??=", Some("")),
            ("=?BASE64?YQ==?=", Some("=?BASE64?YQ==?=")),
            ("=?base64?YQ==", Some("=?base64?YQ==")),
            ("=?base64?=", Some("=?base64?=")),
            ("=?base64?YQ?=", None),
            ("=?base64?Y!==?=", None),
            ("=?base64?/w==?=", None),
        ] {
            assert_eq!(decoded(value).as_deref(), text, "{value}");
        }
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn only_plain_values_are_not_encoded() {
        for (value, header) in [
            ("add", "add"),
            ("a b~c", "a b~c"),
            ("", "=?base64??="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("a\nb", "=?base64?YQpi?="),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("=?base64?YQ==", "=?base64?YQ=="),
        ] {
            assert_eq!(encoded(value), header, "{value}");
            assert_eq!(decoded(header).as_deref(), Some(value));
        }
    }
}
