//! Reads JSON text once, from its beginning to its end: checks it, finds members, and makes no values.
//!
//! A text is taken exactly if `serde_json` takes it as a raw value.

use std::borrow::Cow;

use super::error::RpcError;
use super::json::{next_special, string};
use super::text::Span;

/// Why a text was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no JSON, as the byte at this offset shows. (Small, since each step may return it.)
    Syntax(u32),
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
        let (before, rest) = text.split_at_checked(at as usize).unwrap_or((text, ""));
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

/// A place in a JSON text. Everything before it is right, and it is at no white space.
///
/// After [`enter_object`](Self::enter_object), each [`name`](Self::name) is followed by its value, which is read or
/// entered, until there is no further name; likewise for arrays and [`item`](Self::item).
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many levels deeper brackets may nest.
    levels: usize,
    /// Nothing was read yet in the brackets that were entered last.
    is_first: bool,
}

/// The brackets that are open within a value.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// One bit for each of the innermost 64, the last one lowest: whether it is of an object.
    objects: u64,
    outer: Vec<u64>,
}

impl Nesting {
    #[inline]
    fn open(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.objects);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(is_object);
    }

    /// Closes the last one. Returns `true` if that was the outermost.
    #[inline]
    fn close(&mut self) -> bool {
        self.depth -= 1;
        self.objects >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.objects = self.outer.pop().unwrap_or_default();
        }
        self.depth == 0
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, levels: usize) -> Self {
        let mut reader = Self {
            text,
            at: 0,
            levels,
            is_first: false,
        };
        reader.skip_space();
        reader
    }

    /// The next byte, which stays unread.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Makes sure that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong()),
        }
    }

    /// Enters the object that comes next. Returns `false` if something else does.
    pub(crate) fn enter_object(&mut self) -> Result<bool, Fault> {
        self.enter(b'{')
    }

    /// Enters the array that comes next. Returns `false` if something else does.
    pub(crate) fn enter_array(&mut self) -> Result<bool, Fault> {
        self.enter(b'[')
    }

    fn enter(&mut self, bracket: u8) -> Result<bool, Fault> {
        if self.peek() != Some(bracket) {
            return Ok(false);
        }
        self.open()?;
        self.is_first = true;
        Ok(true)
    }

    /// Reads the next name in an object, decoded, and what is before its value; leaves the object if there is none.
    /// A name that is no valid Unicode stays as it is written.
    #[inline]
    pub(crate) fn name(&mut self) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some((name, has_escapes)) = self.raw_name()? else {
            return Ok(None);
        };
        Ok(Some(if has_escapes {
            decode(name)
        } else {
            Cow::Borrowed(name)
        }))
    }

    #[inline(never)]
    fn raw_name(&mut self) -> Result<Option<(&'a str, bool)>, Fault> {
        if !self.proceed(b'}')? {
            return Ok(None);
        }
        let start = self.at + 1;
        let (end, has_escapes) = self.skip_name()?;
        let name = self.text.get(start..end).unwrap_or_default();
        Ok(Some((name, has_escapes)))
    }

    /// Moves to the next item of an array; leaves the array and returns `false` if there is none.
    pub(crate) fn item(&mut self) -> Result<bool, Fault> {
        self.proceed(b']')
    }

    /// Moves to what is next in brackets that were entered; leaves them and returns `false` if they are closed.
    #[inline]
    fn proceed(&mut self, closing: u8) -> Result<bool, Fault> {
        self.skip_space();
        let is_first = std::mem::take(&mut self.is_first);
        match self.peek() {
            Some(byte) if byte == closing => {
                self.close();
                return Ok(false);
            }
            Some(b',') if !is_first => {
                self.at += 1;
                self.skip_space();
            }
            _ if is_first => {}
            _ => return Err(self.wrong()),
        }
        Ok(true)
    }

    /// Reads a value and returns its text.
    pub(crate) fn value(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.skip()?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads a value and returns its place.
    pub(super) fn span(&mut self) -> Result<Span, Fault> {
        let start = self.at;
        self.skip()?;
        Ok(Span::new(start, self.at))
    }

    #[inline]
    fn skip(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') => self.skip_brackets(),
            _ => self.skip_word(),
        }
    }

    /// Reads an object or array and all that is in it. There is no recursion, since no stack holds what may be
    /// allowed.
    #[inline(never)]
    fn skip_brackets(&mut self) -> Result<(), Fault> {
        let mut nesting = Nesting::default();
        loop {
            let is_opened = match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.open()?;
                    nesting.open(bracket == b'{');
                    true
                }
                Some(b'"') => self.string().map(|_| false)?,
                _ => self.skip_word().map(|()| false)?,
            };
            if !self.proceed_within(&mut nesting, is_opened)? {
                return Ok(());
            }
        }
    }

    /// Moves to the next value within brackets, out of those that are closed before it. Returns `false` if all are.
    #[inline]
    fn proceed_within(&mut self, nesting: &mut Nesting, mut is_first: bool) -> Result<bool, Fault> {
        loop {
            self.skip_space();
            match (self.peek(), nesting.in_object()) {
                (Some(b'}'), true) | (Some(b']'), false) => self.close(),
                (Some(b','), _) if !is_first => {
                    self.at += 1;
                    self.skip_space();
                    break;
                }
                _ if is_first => break,
                _ => return Err(self.wrong()),
            }
            if nesting.close() {
                return Ok(false);
            }
            is_first = false;
        }
        if nesting.in_object() {
            self.skip_name()?;
        }
        Ok(true)
    }

    /// Reads a name up to its value. Returns where its closing quote is, and whether it has escapes.
    #[inline]
    fn skip_name(&mut self) -> Result<(usize, bool), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong());
        }
        let has_escapes = self.string()?;
        let end = self.at - 1;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.wrong());
        }
        self.at += 1;
        self.skip_space();
        Ok((end, has_escapes))
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn wrong(&self) -> Fault {
        Fault::Syntax(u32::try_from(self.at).unwrap_or(u32::MAX))
    }

    #[inline]
    fn open(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.levels = self.levels.checked_sub(1).ok_or(Fault::TooDeep)?;
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.at += 1;
        self.levels = self.levels.saturating_add(1);
    }

    /// Reads a string, whose opening quote comes next, and returns whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, Fault> {
        self.at = next_special(self.text.as_bytes(), self.at + 1);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(false);
        }
        self.rest_of_string().map(|()| true)
    }

    /// Reads a string from a special byte in it.
    #[cold]
    fn rest_of_string(&mut self) -> Result<(), Fault> {
        while self.peek() != Some(b'"') {
            if self.peek() != Some(b'\\') {
                return Err(self.wrong());
            }
            self.escape()?;
            self.at = next_special(self.text.as_bytes(), self.at);
        }
        self.at += 1;
        Ok(())
    }

    /// Reads an escape. As for `serde_json`, `\u` may stand for half of a character.
    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.wrong());
                    }
                }
                self.at += 1;
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }

    /// Reads a value without quotes and brackets.
    #[inline(never)]
    fn skip_word(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => Err(self.wrong()),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.wrong());
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.wrong());
        }
        Ok(())
    }
}

#[cold]
fn decode(name: &str) -> Cow<'_, str> {
    let json = format!("\"{name}\"");
    string(&json).map_or(Cow::Borrowed(name), |name| Cow::Owned(name.into_owned()))
}

#[cfg(test)]
mod tests;
