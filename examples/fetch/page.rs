//! The text of a page.

use encoding_rs::{Encoding, UTF_8};

use crate::web::Page;

/// The number of bytes in which an HTML page must name its encoding.
const PRESCAN: usize = 1024;

impl Page {
    /// Returns `true` for a page of HTML, or without a type.
    pub(crate) fn is_html(&self) -> bool {
        let kind = self.kind.to_ascii_lowercase();
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(100)]);
        kind.is_empty()
            || kind.contains("text/html")
            || kind.contains("application/xhtml+xml")
            || start.to_ascii_lowercase().contains("<html")
    }

    /// Decodes the body. Returns `None` if it is not text.
    pub(crate) fn text(&self) -> Option<String> {
        let (text, _, _) = self.encoding().decode(&self.body);
        (!text.contains('\0')).then(|| text.into_owned())
    }

    /// Returns the encoding that the header names, or else the page. A byte order mark has precedence.
    fn encoding(&self) -> &'static Encoding {
        let named = charset(self.kind.as_bytes());
        let named = named.or_else(|| charset(&self.body[..self.body.len().min(PRESCAN)]));
        named.unwrap_or(UTF_8)
    }
}

/// Returns the encoding after the first `charset=`, as in `text/html; charset=utf-8` and `<meta charset="utf-8">`.
fn charset(text: &[u8]) -> Option<&'static Encoding> {
    const MARK: &[u8] = b"charset=";
    let start = text
        .windows(MARK.len())
        .position(|window| window.eq_ignore_ascii_case(MARK))?;
    let label = text[start + MARK.len()..].trim_ascii_start();
    let label = label.strip_prefix(b"\"").unwrap_or(label);
    let label = label.strip_prefix(b"'").unwrap_or(label);
    let is_end =
        |byte: &u8| matches!(byte, b'"' | b'\'' | b';' | b'>') || byte.is_ascii_whitespace();
    let end = label.iter().position(is_end).unwrap_or(label.len());
    Encoding::for_label(&label[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_found_in_headers_and_in_pages() {
        let cases = [
            ("text/html; charset=utf-8", Some("UTF-8")),
            ("text/html;CHARSET=\"ISO-8859-1\"", Some("windows-1252")),
            ("<meta charset=shift_jis>", Some("Shift_JIS")),
            (
                "<meta http-equiv='x' content='text/html; charset=euc-kr'>",
                Some("EUC-KR"),
            ),
            ("text/html; charset=unknown", None),
            ("charset=", None),
            ("text/html", None),
        ];
        for (text, name) in cases {
            assert_eq!(charset(text.as_bytes()).map(Encoding::name), name, "{text}");
        }
    }
}
