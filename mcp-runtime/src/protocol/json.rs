//! JSON as text: decoding strings, and appending values to a buffer without an intermediate copy.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

/// Decodes a JSON string, borrowed if it has no escapes. Returns `None` if it is not a string of valid Unicode.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if next_special(inner.as_bytes(), 0) == inner.len() {
        Some(Cow::Borrowed(inner))
    } else {
        serde_json::from_str(json).ok().map(Cow::Owned)
    }
}

/// Returns the position of the next byte that JSON strings must escape (a quote, a backslash or a control character),
/// or the end if there is none.
#[inline]
pub(super) fn next_special(bytes: &[u8], at: usize) -> usize {
    // Most strings are short.
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(word) if special_bytes(*word) != 0 => at + first(special_bytes(*word)),
        Some(word) => next_special_far(bytes, at + word.len()),
        None => next_special_far(bytes, at),
    }
}

#[inline(never)] // The loop needs many registers.
fn next_special_far(bytes: &[u8], mut at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk() {
        let special = special_bytes(*word);
        if special != 0 {
            return at + first(special);
        }
        rest = after;
        at += word.len();
    }
    at + plain_bytes(rest)
}

/// Sets the highest bit of each special byte. Bits above the lowest set one may be wrong, since the subtraction borrows
/// from them.
#[inline]
const fn special_bytes(word: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_le_bytes(word);
    // The XOR swaps the quote with the byte that follows the control characters.
    let controls_and_quotes = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (controls_and_quotes | backslashes) & !word & (ONES << 7)
}

/// Returns the number of bytes before the first special one.
#[inline]
const fn first(special: u64) -> usize {
    special.trailing_zeros() as usize / 8
}

/// Returns the number of bytes before the first special one.
#[cold]
#[inline(never)]
fn plain_bytes(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    bytes.iter().position(is_special).unwrap_or(bytes.len())
}

/// Appends a text as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(next_special(rest.as_bytes(), 0));
        out.push_str(plain);
        let Some(byte) = special.bytes().next() else {
            break;
        };
        push_escape(out, byte);
        rest = &special[1..];
    }
    out.push('"');
}

fn push_escape(out: &mut String, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = b"0123456789abcdef"[usize::from(byte & 15)];
            out.push_str(if byte < 16 { "\\u000" } else { "\\u001" });
            return out.push(char::from(digit));
        }
    };
    out.push('\\');
    out.push(char::from(letter));
}

/// Appends a value as JSON, or `null` if it cannot be serialised, which no type of the protocol is.
pub(crate) fn push_json<T: Serialize + ?Sized>(out: &mut String, value: &T) {
    let before = out.len();
    if serde_json::to_writer(Append(out), value).is_err() {
        out.truncate(before);
        out.push_str("null");
    }
}

/// A writer that appends to a string. The serializer never writes part of a character.
struct Append<'a>(&'a mut String);

impl Write for Append<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [byte] if byte.is_ascii() => self.0.push(char::from(*byte)),
            _ => self
                .0
                .push_str(str::from_utf8(bytes).map_err(io::Error::other)?),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pushed<T: Serialize + ?Sized>(value: &T) -> String {
        let mut out = "before".to_owned();
        push_json(&mut out, value);
        out.split_off("before".len())
    }

    fn pushed_string(text: &str) -> String {
        let mut out = "before".to_owned();
        push_string(&mut out, text);
        out.split_off("before".len())
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        let ascii: String = (0..=0x7f_u8).map(char::from).collect();
        let mut texts = vec![
            ascii,
            String::new(),
            "é\u{2028}\u{1f600}\u{7f}\u{80}".repeat(9),
        ];
        // Each special byte at each position of a chunk, next to bytes that differ from it in one bit.
        for special in (0..0x80_u8).chain([0x22, 0x5c]).map(char::from) {
            for place in 0..20 {
                let mut text: Vec<char> = "!#[]\u{a0}~ é0123456789abcdefghijk".chars().collect();
                text.insert(place, special);
                texts.push(text.into_iter().collect());
            }
        }
        for text in texts {
            let expected = serde_json::to_string(&text).unwrap();
            assert_eq!(pushed_string(&text), expected);
            assert_eq!(pushed(&text), expected);
            assert_eq!(string(&expected).unwrap(), text);
        }
    }

    #[test]
    fn values_are_written_as_serde_json_does() {
        let value = json!({ "a\n": [1, -2.5, true, null, "é\"\u{1}"], "b": {}, "c": 1e300 });
        assert_eq!(pushed(&value), value.to_string());
        assert_eq!(pushed(&f64::NAN), "null");
        assert_eq!(pushed(&std::collections::BTreeMap::from([((), 1)])), "null");
    }

    #[test]
    fn a_string_is_decoded() {
        for (json, text) in [
            (r#""tools\/call""#, Some("tools/call")),
            (r#""\u0032.0""#, Some("2.0")),
            (r#""\ud83d\ude00""#, Some("\u{1f600}")),
            (r#""""#, Some("")),
            (r#""\ud800""#, None),
            ("null", None),
            ("\"", None),
        ] {
            assert_eq!(string(json).as_deref(), text, "{json}");
        }
    }
}
