//! Percent-encoding (RFC 3986, section 2) and sets of characters.
//!
//! This module is independent of templates.

/// A set of ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ascii(u128);

pub const UNRESERVED: Ascii =
    Ascii::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
const RESERVED: Ascii = Ascii::of(b":/?#[]@!$&'()*+,;=");
/// The characters that a URI may contain.
pub const LEGAL: Ascii = UNRESERVED.with(RESERVED).with(Ascii::of(b"%"));

impl Ascii {
    pub const EMPTY: Self = Self(0);

    pub const fn of(characters: &[u8]) -> Self {
        let mut set = 0;
        let mut index = 0;
        while index < characters.len() {
            set |= 1 << characters[index];
            index += 1;
        }
        Self(set)
    }

    /// Returns the set of one character, or an empty set if it is not ASCII.
    pub fn of_char(character: char) -> Self {
        if character.is_ascii() {
            Self(1 << u32::from(character))
        } else {
            Self::EMPTY
        }
    }

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn contains(self, byte: u8) -> bool {
        byte.is_ascii() && (self.0 >> byte) & 1 == 1
    }
}

/// Returns the value of two hexadecimal digits.
fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

/// Splits a `%XX` off the front. Returns the decoded byte and the rest.
fn split_triple(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = bytes.strip_prefix(b"%")?.split_first_chunk()?;
    Some((hexadecimal(*digits)?, rest))
}

fn push_triple(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    for digit in [byte >> 4, byte & 0xf] {
        out.push(char::from(DIGITS[usize::from(digit)]));
    }
}

/// Returns `true` if the text contains a `%` without two hexadecimal digits after it.
fn has_stray_percent(text: &str) -> bool {
    text.match_indices('%')
        .any(|(at, _)| split_triple(&text.as_bytes()[at..]).is_none())
}

/// Appends `text` with all characters encoded except those of `keep`. If `keep` contains `%`, then existing `%XX` are
/// kept.
pub fn encode(out: &mut String, text: &str, keep: Ascii) {
    rewrite(out, text, keep, Ascii::EMPTY);
}

/// Does the same as [`encode`], but also decodes each `%XX` whose character is in `decoded`.
fn rewrite(out: &mut String, text: &str, keep: Ascii, decoded: Ascii) {
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let triple = split_triple(rest).filter(|_| keep.contains(b'%'));
        if let Some((encoded, after)) = triple {
            if decoded.contains(encoded) {
                out.push(char::from(encoded));
            } else {
                push_triple(out, encoded);
            }
            rest = after;
            continue;
        }
        if byte != b'%' && keep.contains(byte) {
            out.push(char::from(byte));
        } else {
            push_triple(out, byte);
        }
        rest = tail;
    }
}

/// Returns the normal form in which URIs are compared: characters that a URI cannot contain are encoded, including all
/// beyond ASCII, and hexadecimal digits of `%XX` are in upper case. Returns `None` if a `%` is not followed by two
/// digits.
pub fn normalise(text: &str) -> Option<String> {
    normalise_and_decode(text, Ascii::EMPTY)
}

/// Does the same as [`normalise`], but also decodes unreserved characters (RFC 3986, section 6.2.2.2).
pub fn decode_unreserved(text: &str) -> Option<String> {
    normalise_and_decode(text, UNRESERVED)
}

fn normalise_and_decode(text: &str, decoded: Ascii) -> Option<String> {
    if has_stray_percent(text) {
        return None;
    }
    let mut normal = String::with_capacity(text.len());
    rewrite(&mut normal, text, LEGAL, decoded);
    Some(normal)
}

/// Decodes `text`. Returns `None` if a `%` is not followed by two hexadecimal digits, or if the result is not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let (byte, tail) = if byte == b'%' {
            split_triple(rest)?
        } else {
            (byte, tail)
        };
        decoded.push(byte);
        rest = tail;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, keep: Ascii) -> String {
        let mut out = String::new();
        encode(&mut out, text, keep);
        out
    }

    #[test]
    fn only_what_is_kept_stays() {
        assert_eq!(encoded("a/é %2f%", UNRESERVED), "a%2F%C3%A9%20%252f%25");
        assert_eq!(encoded("a/é %2f%", LEGAL), "a/%C3%A9%20%2F%25");
    }

    #[test]
    fn the_normal_form_is_legal_in_a_uri() {
        assert_eq!(
            normalise("a b\\{é}\0%c3").unwrap(),
            "a%20b%5C%7B%C3%A9%7D%00%C3"
        );
        for stray in ["%", "%2", "a%", "%g0", "%+1", "%%41", "%é"] {
            assert_eq!(normalise(stray), None, "{stray}");
        }
    }

    #[test]
    fn decoding_is_done_once() {
        assert_eq!(decode("%252e+%C3%A9").unwrap(), "%2e+é");
        for wrong in ["%", "%4", "%zz", "%FF", "%C3", "%C0%AF", "%ED%A0%80"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_byte_has_its_triple() {
        for byte in 0..=u8::MAX {
            let mut out = String::new();
            push_triple(&mut out, byte);
            assert_eq!(out, format!("%{byte:02X}"));
            assert_eq!(split_triple(out.as_bytes()), Some((byte, &b""[..])));
        }
    }
}
