//! The outline of a message that is not parsed in full: its id, and whether it is a response.

use super::id::{Id, LONGEST};

/// The known parts of a message that is not parsed in full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The id. `None` if the message has no valid id, or several that differ.
    pub(crate) id: Option<Id>,
    /// `true` if the message has a result or an error, and no method.
    pub(crate) is_response: bool,
}

/// A scanner that reads a message in pieces and keeps only its outline. The outline of text that is not JSON has no
/// meaning.
#[derive(Debug, Default)]
pub(crate) struct Outliner {
    depth: usize,
    position: Position,
    /// The member whose value is being read.
    member: Option<Member>,
    /// The key or value that is being read, if it belongs to the message itself.
    kept: Vec<u8>,
    id: Option<Id>,
    /// `true` if there was a member `id`, valid or not.
    has_id: bool,
    has_method: bool,
    has_answer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Position {
    /// Between strings.
    #[default]
    Outside,
    InString,
    AfterBackslash,
    /// After the end of the message.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Id,
    Other,
}

impl Outliner {
    /// Returns the outline of a whole message.
    pub(crate) fn read(message: &[u8]) -> Outline {
        let mut outliner = Self::default();
        outliner.feed(message);
        outliner.finish()
    }

    /// Reads the next piece.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match self.position {
                Position::End => return,
                Position::Outside => self.outside(*byte),
                Position::InString | Position::AfterBackslash => self.string(*byte),
            }
        }
    }

    /// Returns the outline of the text read so far, complete or not.
    pub(crate) fn finish(self) -> Outline {
        Outline {
            id: self.id,
            is_response: self.has_answer && !self.has_method,
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.member != Some(Member::Other) && self.kept.len() <= LONGEST {
            self.kept.push(byte);
        }
    }

    fn string(&mut self, byte: u8) {
        self.keep(byte);
        self.position = match (self.position, byte) {
            (Position::InString, b'\\') => Position::AfterBackslash,
            (Position::InString, b'"') => Position::Outside,
            _ => Position::InString,
        };
    }

    fn outside(&mut self, byte: u8) {
        match (byte, self.depth) {
            // A byte order mark is not part of the message.
            (b' ' | b'\t' | b'\n' | b'\r', _) | (0xef | 0xbb | 0xbf, 0) => {}
            (b'{', 0) => self.depth = 1,
            (_, 0) => self.position = Position::End,
            (b':', 1) if self.member.is_none() => self.end_key(),
            (b',', 1) => self.end_value(),
            (b'}' | b']', 1) => {
                self.end_value();
                self.position = Position::End;
            }
            (b'}' | b']', _) => self.depth -= 1,
            _ => {
                self.keep(byte);
                if byte == b'"' {
                    self.position = Position::InString;
                }
                self.depth += usize::from(matches!(byte, b'{' | b'['));
            }
        }
    }

    /// Takes the key or id that was kept.
    fn take(&mut self) -> Option<Id> {
        let kept = std::mem::take(&mut self.kept);
        let json = std::str::from_utf8(&kept).ok();
        json.filter(|json| json.len() <= LONGEST)
            .and_then(Id::parse)
    }

    fn end_key(&mut self) {
        let key = match self.take() {
            Some(Id::String(key)) => key,
            _ => String::new(),
        };
        self.has_method |= key == "method";
        self.has_answer |= matches!(&*key, "result" | "error");
        self.member = Some(if key == "id" {
            Member::Id
        } else {
            Member::Other
        });
    }

    fn end_value(&mut self) {
        if self.member.take() == Some(Member::Id) {
            let id = self.take();
            let agrees = !self.has_id || self.id == id;
            self.id = id.filter(|_| agrees);
            self.has_id = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> (Option<Id>, bool) {
        let whole = Outliner::read(text.as_bytes());
        let mut in_pieces = Outliner::default();
        text.as_bytes()
            .chunks(1)
            .for_each(|byte| in_pieces.feed(byte));
        assert_eq!(in_pieces.finish(), whole, "{text}");
        (whole.id, whole.is_response)
    }

    #[test]
    fn an_id_is_found_among_other_members() {
        let text = |text: &str| Some(Id::String(text.to_owned()));
        let one = || Some(Id::Number(1));
        let long = |length: usize| "x".repeat(length);
        for (message, id) in [
            ("{\"id\":1", None),
            ("{\"id\":1,", one()),
            ("\u{feff} {\"id\" : 1.0 }", one()),
            (r#"{"a":{"id":2,"b":[{"id":3}]},"id":1}"#, one()),
            (r#"{"a":"\"id\":2,{[","id":"\"a\\"}"#, text("\"a\\")),
            (r#"{"i\u0064":"\u0061"}"#, text("a")),
            (r#"{"id":"{[:,","x":1}"#, text("{[:,")),
            (r#"{"id":1,"id":1.0}"#, one()),
            (r#"{"id":1,"id":"1"}"#, None),
            (r#"{"id":1,"id":null}"#, None),
            (r#"{"id":null,"id":1}"#, None),
            (r#"{"id":1,"id":2,"id":1}"#, None),
            (r#"{"id":[1]}"#, None),
            (r#"{"id":{"id":1}}"#, None),
            (r#"{"id":1.5}"#, None),
            (r#"[{"id":1}]"#, None),
            (r#"7{"id":1}"#, None),
            (r#"{"id":1} {"id":2}"#, one()),
            (
                &format!(r#"{{"id":"{}"}}"#, long(LONGEST - 2)),
                text(&long(LONGEST - 2)),
            ),
            (&format!(r#"{{"id":"{}"}}"#, long(LONGEST - 1)), None),
            (&format!(r#"{{"id":"{}"}}"#, long(9 * LONGEST)), None),
            (
                &format!(
                    r#"{{"{}":"{}","id":1}}"#,
                    long(9 * LONGEST),
                    long(9 * LONGEST)
                ),
                one(),
            ),
        ] {
            assert_eq!(outline(message).0, id, "{message}");
        }
    }

    #[test]
    fn a_response_has_an_answer_and_no_method() {
        for (message, is_response) in [
            (r#"{"id":1,"result":{"method":1}}"#, true),
            (r#"{"error":{"#, true),
            (r#"{"result":1,"method":"x"}"#, false),
            (r#"{"method":"x","result":1}"#, false),
            (r#"{"params":{"result":1}}"#, false),
            (r#"{"id":"result"}"#, false),
        ] {
            assert_eq!(outline(message).1, is_response, "{message}");
        }
    }
}
