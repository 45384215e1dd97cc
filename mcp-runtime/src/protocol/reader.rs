//! A single-pass JSON reader: it validates the text and finds members, and builds no values.
//!
//! A text is accepted exactly if `serde_json` accepts it as a raw value.

use std::borrow::Cow;

use super::error::RpcError;
use super::json::{next_special, string};

/// The reason why a text was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Invalid JSON at this byte offset. (Small, since each step may return it.)
    Syntax(u32),
    /// Brackets nest deeper than allowed.
    TooDeep,
}

impl Fault {
    /// Returns the error for the text. `what` names the text in the message.
    pub(crate) fn error(self, what: &str, text: &str, limit: usize) -> RpcError {
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

/// A position in a JSON text. The text before it is valid, and it is never at white space.
///
/// After [`enter_object`](Self::enter_object), each [`name`](Self::name) is followed by its value, which is read or
/// entered, until there is no further name; likewise for arrays and [`item`](Self::item).
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The number of further levels that brackets may nest.
    levels: usize,
    /// `true` if nothing has been read yet inside the innermost brackets.
    is_first: bool,
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

    /// Returns the next byte without reading it.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Checks that only white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.skip_space() {
            None => Ok(()),
            Some(_) => Err(self.wrong()),
        }
    }

    /// Enters the object that comes next. Returns `false` if the next value is not an object.
    pub(crate) fn enter_object(&mut self) -> Result<bool, Fault> {
        self.enter(b'{')
    }

    /// Enters the array that comes next. Returns `false` if the next value is not an array.
    pub(crate) fn enter_array(&mut self) -> Result<bool, Fault> {
        self.enter(b'[')
    }

    fn enter(&mut self, bracket: u8) -> Result<bool, Fault> {
        let is_next = self.peek() == Some(bracket);
        if is_next {
            self.open(bracket)?;
        }
        Ok(is_next)
    }

    /// Enters brackets, and returns the closing bracket.
    #[inline]
    fn open(&mut self, bracket: u8) -> Result<u8, Fault> {
        self.at += 1;
        self.levels = self.levels.checked_sub(1).ok_or(Fault::TooDeep)?;
        self.is_first = true;
        // In ASCII there is one character between an opening bracket and its closing one.
        Ok(bracket + 2)
    }

    /// Reads the next name in an object and the colon after it, and returns the decoded name. Leaves the object and
    /// returns `None` if there is no further name. A name that is not valid Unicode is returned as it is written.
    #[inline]
    pub(crate) fn name(&mut self) -> Result<Option<Cow<'a, str>>, Fault> {
        let name = self.raw_name()?;
        Ok(name.map(|name| decode(name).map_or(Cow::Borrowed(name), Cow::Owned)))
    }

    /// Like [`name`](Self::name), but returns the name as it is written between its quotes.
    #[inline(never)] // The body is long and has many callers.
    pub(crate) fn raw_name(&mut self) -> Result<Option<&'a str>, Fault> {
        if !self.proceed(b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.wrong());
        }
        let start = self.at + 1;
        self.string()?;
        let name = self.text.get(start..self.at - 1).unwrap_or_default();
        if self.skip_space() != Some(b':') {
            return Err(self.wrong());
        }
        self.at += 1;
        self.skip_space();
        Ok(Some(name))
    }

    /// Moves to the next item of an array. Leaves the array and returns `false` if there is none.
    pub(crate) fn item(&mut self) -> Result<bool, Fault> {
        self.proceed(b']')
    }

    /// Moves to the next element inside brackets. Leaves the brackets and returns `false` if there is none.
    #[inline]
    fn proceed(&mut self, closing: u8) -> Result<bool, Fault> {
        let next = self.skip_space();
        let is_first = std::mem::take(&mut self.is_first);
        match next {
            Some(byte) if byte == closing => {
                self.at += 1;
                self.levels = self.levels.saturating_add(1);
                return Ok(false);
            }
            _ if is_first => {}
            Some(b',') => {
                self.at += 1;
                self.skip_space();
            }
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

    /// Returns the number of bytes read so far.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Reads a value.
    #[inline]
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(bracket @ (b'{' | b'[')) => self.skip_brackets(bracket),
            _ => self.skip_word(),
        }
    }

    /// Reads an object or array with its content. It does not recurse, since the allowed depth may exceed the stack.
    #[inline(never)]
    fn skip_brackets(&mut self, bracket: u8) -> Result<(), Fault> {
        let mut closing = self.open(bracket)?;
        let mut outer = Vec::new();
        loop {
            let is_over = match closing {
                b'}' => self.raw_name()?.is_none(),
                _ => !self.item()?,
            };
            if is_over {
                let Some(next) = outer.pop() else {
                    return Ok(());
                };
                closing = next;
                continue;
            }
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(bracket @ (b'{' | b'[')) => {
                    outer.push(closing);
                    closing = self.open(bracket)?;
                }
                _ => self.skip_word()?,
            }
        }
    }

    /// Skips white space. Returns the byte after it without reading it.
    #[inline]
    fn skip_space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                next => return next,
            }
        }
    }

    /// Reads the next byte and returns `true` if it matches.
    #[inline]
    fn accept(&mut self, fits: impl Fn(&u8) -> bool) -> bool {
        match self.peek() {
            Some(byte) if fits(&byte) => {
                self.at += 1;
                true
            }
            _ => false,
        }
    }

    /// Reads the next byte, which must match.
    #[inline]
    fn require(&mut self, fits: impl Fn(&u8) -> bool) -> Result<(), Fault> {
        if self.accept(fits) {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    #[cold]
    fn wrong(&self) -> Fault {
        Fault::Syntax(u32::try_from(self.at).unwrap_or(u32::MAX))
    }

    /// Reads a string. Its opening quote is the next byte.
    #[inline]
    fn string(&mut self) -> Result<(), Fault> {
        self.at = next_special(self.text.as_bytes(), self.at + 1);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(());
        }
        self.rest_of_string()
    }

    /// Reads the rest of a string, from a special byte in it.
    #[cold]
    fn rest_of_string(&mut self) -> Result<(), Fault> {
        while !self.accept(|byte| *byte == b'"') {
            self.escape()?;
            self.at = next_special(self.text.as_bytes(), self.at);
        }
        Ok(())
    }

    /// Reads an escape. As in `serde_json`, `\u` may be half of a surrogate pair.
    fn escape(&mut self) -> Result<(), Fault> {
        self.require(|byte| *byte == b'\\')?;
        if !self.accept(|byte| *byte == b'u') {
            return self.require(|byte| b"\"\\/bfnrt".contains(byte));
        }
        (0..4).try_for_each(|_| self.require(u8::is_ascii_hexdigit))
    }

    /// Reads a literal or a number.
    #[inline(never)]
    fn skip_word(&mut self) -> Result<(), Fault> {
        let word = match self.peek() {
            Some(b't') => "true",
            Some(b'f') => "false",
            Some(b'n') => "null",
            _ => return self.number(),
        };
        word.bytes()
            .try_for_each(|byte| self.require(|next| *next == byte))
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.accept(|byte| *byte == b'-');
        if !self.accept(|byte| *byte == b'0') {
            self.digits()?;
        }
        if self.accept(|byte| *byte == b'.') {
            self.digits()?;
        }
        if self.accept(|byte| matches!(byte, b'e' | b'E')) {
            self.accept(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        self.require(u8::is_ascii_digit)?;
        while self.accept(u8::is_ascii_digit) {}
        Ok(())
    }
}

/// Decodes a name with escapes, given without its quotes. Returns `None` if it has no escapes or is not valid Unicode.
#[inline]
pub(crate) fn decode(name: &str) -> Option<String> {
    if !name.contains('\\') {
        return None;
    }
    string(&format!("\"{name}\"")).map(Cow::into_owned)
}

#[cfg(test)]
mod tests;
