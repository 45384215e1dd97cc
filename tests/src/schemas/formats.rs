//! Formats that the official schemas use or describe, and JSON Schema does not define.

/// A predicate for texts of a format.
type IsOfFormat = fn(&str) -> bool;

/// The formats by name.
pub(super) const ALL: [(&str, IsOfFormat); 2] =
    [("byte", is_base64), (ICON_SOURCE, is_icon_source)];

/// The format of an icon's `src`.
pub(super) const ICON_SOURCE: &str = "icon-source";

/// Returns `true` for padded base64 in the standard alphabet.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

/// Returns `true` for an `http` or `https` URL, and for a `data:` URI in base64.
fn is_icon_source(text: &str) -> bool {
    let web = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    let data = text
        .strip_prefix("data:")
        .and_then(|data| data.split_once(";base64,"));
    web.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        || data.is_some_and(|(media, data)| media.contains('/') && is_base64(data))
}
