//! Reads JSON text once, from its beginning to its end: checks it, finds members, and makes no values.

use std::borrow::Cow;

use super::error::RpcError;
use super::json::{next_special, string};
use super::text::Span;

/// Why a text was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no JSON, as this byte shows.
    Syntax(usize),
    /// Brackets nest deeper than allowed.
    TooDeep,
}

impl Fault {
    /// The error of a text that is not read; `what` is its name in a sentence.
    pub(super) fn error(self, what: &str, text: &str, limit: usize) -> RpcError {
        let Self::Syntax(at) = self else {
            let message = format!("{what} nests deeper than {limit} levels");
            return RpcError::invalid_request(message);
        };
        let (before, rest) = text.split_at_checked(at).unwrap_or((text, ""));
        let Some(letter) = rest.chars().next() else {
            return RpcError::parse(format!("{what} is not JSON: it ends too early"));
        };
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        RpcError::parse(format!(
            "{what} is not JSON: `{}` is unexpected at line {line}, column {column}",
            letter.escape_debug()
        ))
    }
}

/// A place in a JSON text. Everything before it is right.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many levels deeper brackets may nest.
    levels: usize,
}

/// The brackets that are open within a value.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// One bit for each of the innermost 128, the last one lowest: whether it is of an object.
    objects: u128,
    outer: Vec<u128>,
}

impl Nesting {
    fn open(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.outer.push(self.objects);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.objects = self.outer.pop().unwrap_or_default();
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, levels: usize) -> Self {
        Self {
            text,
            at: 0,
            levels,
        }
    }

    /// The next byte that is no white space, which stays unread.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Reads this byte, if it is the next one.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(Fault::Syntax(self.at))
        }
    }

    /// Makes sure that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::Syntax(self.at)),
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.levels = self.levels.checked_sub(1).ok_or(Fault::TooDeep)?;
        Ok(())
    }

    fn close(&mut self) {
        self.levels = self.levels.saturating_add(1);
    }

    /// Reads an object. `member` is given each key, decoded, and has to read its value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek() != Some(b'{') {
            return Err(Fault::Syntax(self.at));
        }
        self.open()?;
        if !self.take(b'}') {
            loop {
                let key = self.key()?;
                member(self, key)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.require(b'}')?;
        }
        self.close();
        Ok(())
    }

    /// Reads an array. `item` has to read each value.
    pub(crate) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek() != Some(b'[') {
            return Err(Fault::Syntax(self.at));
        }
        self.open()?;
        if !self.take(b']') {
            loop {
                item(self)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.require(b']')?;
        }
        self.close();
        Ok(())
    }

    /// Reads a key and the colon after it. One that is no valid Unicode stays as it is written.
    fn key(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.peek();
        let start = self.at;
        let has_escapes = self.string()?;
        let end = self.at;
        self.require(b':')?;
        if has_escapes && let Some(key) = self.text.get(start..end).and_then(string) {
            return Ok(key);
        }
        let plain = self.text.get(start + 1..end - 1);
        Ok(Cow::Borrowed(plain.unwrap_or_default()))
    }

    /// Reads a value and returns its text.
    pub(crate) fn value(&mut self) -> Result<&'a str, Fault> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads a value and returns its place.
    pub(super) fn span(&mut self) -> Result<Span, Fault> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(Span::new(start, self.at))
    }

    /// Reads a value. Brackets are followed without recursion, since no stack holds what may be allowed.
    fn skip(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'"') {
            return self.string().map(drop);
        }
        let mut nesting = Nesting::default();
        loop {
            if self.begin_value(&mut nesting)? {
                while !self.continue_value(&mut nesting)? {
                    if nesting.depth == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads a value as far as the first one within it. Returns `true` if there is none, so that it is complete.
    fn begin_value(&mut self, nesting: &mut Nesting) -> Result<bool, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| true),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| true),
            Some(bracket @ (b'{' | b'[')) => {
                self.open()?;
                nesting.open(bracket == b'{');
                // The two brackets of a kind are two apart.
                let is_empty = self.peek() == Some(bracket + 2);
                if bracket == b'{' && !is_empty {
                    self.key()?;
                }
                Ok(is_empty)
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(Fault::Syntax(self.at)),
        }
    }

    /// Reads what follows a complete value within brackets. Returns `true` if that is another value; `false` if a
    /// bracket was closed, or none is open.
    fn continue_value(&mut self, nesting: &mut Nesting) -> Result<bool, Fault> {
        if nesting.depth == 0 {
            return Ok(false);
        }
        let in_object = nesting.objects & 1 == 1;
        if self.take(if in_object { b'}' } else { b']' }) {
            nesting.close();
            self.close();
            return Ok(false);
        }
        self.require(b',')?;
        if in_object {
            self.key()?;
        }
        Ok(true)
    }

    fn word(&mut self, word: &str) -> Result<bool, Fault> {
        for byte in word.bytes() {
            if self.text.as_bytes().get(self.at) != Some(&byte) {
                return Err(Fault::Syntax(self.at));
            }
            self.at += 1;
        }
        Ok(true)
    }

    /// Reads a string and returns whether it has escapes.
    fn string(&mut self) -> Result<bool, Fault> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(Fault::Syntax(self.at));
        }
        self.at += 1;
        let mut has_escapes = false;
        loop {
            self.at = next_special(bytes, self.at);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(has_escapes);
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(Fault::Syntax(self.at)),
            }
            has_escapes = true;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        match bytes.get(self.at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    if !bytes.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                        return Err(Fault::Syntax(self.at));
                    }
                }
                self.at += 1;
            }
            _ => return Err(Fault::Syntax(self.at)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
        self.at += usize::from(is(self.at, b"-"));
        if is(self.at, b"0") {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if is(self.at, b".") {
            self.at += 1;
            self.digits()?;
        }
        if is(self.at, b"eE") {
            self.at += 1;
            self.at += usize::from(is(self.at, b"+-"));
            self.digits()?;
        }
        Ok(())
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start {
            return Err(Fault::Syntax(start));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    fn read(text: &str, levels: usize) -> Result<(), Fault> {
        let mut reader = Reader::new(text, levels);
        reader.value()?;
        reader.end()
    }

    /// The texts differ from JSON by a letter or two, so that most are no JSON.
    #[test]
    fn what_serde_json_takes_is_taken_and_nothing_else() {
        let texts = [
            r#" {"a" : [ 1 , -2.5e+3, 0.1E-7, true,false,null , "é\u00e9\\\"\/\b" ], "b":{}, "c" : [ ] } "#,
            r#"[[[{"":[{}]}],-0],1e0]"#,
            "\"a\\ud800\"\n",
        ];
        let letters = [
            '"', '\\', '{', '}', '[', ']', ',', ':', '0', '1', '.', '-', '+', 'e', 'u', 'é', ' ',
            '\n', '\u{1}',
        ];
        let (mut right, mut wrong) = (0, 0);
        for text in texts {
            let all: Vec<char> = text.chars().collect();
            for place in 0..all.len() {
                for (letter, taken) in letters.iter().flat_map(|l| [(l, 0), (l, 1), (l, 2)]) {
                    let rest = &all[(place + taken).min(all.len())..];
                    let changed: String = all[..place].iter().chain([letter]).chain(rest).collect();
                    let expected = serde_json::from_str::<IgnoredAny>(&changed).is_ok();
                    assert_eq!(read(&changed, 64).is_ok(), expected, "{changed}");
                    *(if expected { &mut right } else { &mut wrong }) += 1;
                }
            }
        }
        assert!(right > 500 && wrong > 2000, "{right} {wrong}");
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(read(r#"{"a":[1,{"b":2}]}"#, 3), Ok(()));
        assert_eq!(read(r#"{"a":[1,{"b":2}]}"#, 2), Err(Fault::TooDeep));
        assert_eq!(read(r#"{"a":"[[[[\"[[["}"#, 1), Ok(()));
        assert_eq!(read(&"[".repeat(100_000), 64), Err(Fault::TooDeep));
        assert_eq!(read("[[],[],[],[]]", 2), Ok(()));
    }

    #[test]
    fn brackets_of_any_depth_are_followed() {
        for depth in [127, 128, 129, 256, 257, 10_000] {
            let (open, close) = ("[{\"a\":".repeat(depth), "}]".repeat(depth));
            assert_eq!(read(&format!("{open}1{close}"), usize::MAX), Ok(()));
            let crossed = format!("{open}1{}]}}", "}]".repeat(depth - 1));
            assert!(read(&crossed, usize::MAX).is_err());
            assert!(read(&format!("{open}1{close}]"), usize::MAX).is_err());
        }
    }

    #[test]
    fn members_and_their_places_are_found() {
        let text = r#"{ "a" : [1, {"x": 2}] ,"\u0062":"\"", "\ud800":null}"#;
        let mut found = Vec::new();
        let mut reader = Reader::new(text, 64);
        let read = reader.object(|reader, key| {
            found.push((key.into_owned(), reader.span()?.of_text(text)));
            Ok(())
        });
        assert_eq!(read, Ok(()));
        let of = |name: &str, json| (name.to_owned(), json);
        assert_eq!(
            found,
            [
                of("a", "[1, {\"x\": 2}]"),
                of("b", "\"\\\"\""),
                of("\\ud800", "null")
            ]
        );
    }
}
