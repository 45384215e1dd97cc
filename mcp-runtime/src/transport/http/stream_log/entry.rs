//! The entries of the log of a stream, as lines of text. Messages have no line breaks.

use std::fmt::Write as _;

use crate::owner::Principal;
use crate::protocol::Id;
use crate::session::Session;
use crate::store::digest;

/// The largest events that are in an entry, in bytes. A larger event is a value of the store. A reader receives up to 256 entries at
/// once, so that this limits its memory.
pub(super) const INLINE_BYTES: usize = 8 << 10;

/// The owner of a stream, as each entry names it, because the first entries expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned(String);

/// An entry of the log of a stream. Events are numbered from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Events, and the number of the first.
    Events(u64, Vec<String>),
    /// An event with this number, which is a value of the store.
    Value(u64),
    /// The stream exists, and has had this number of events.
    Alive(u64),
    /// The stream has ended after this number of events.
    End(u64),
    /// The stream has ended after this number of events, and cannot be resumed after them.
    Closed(u64),
    /// Nobody can resume the stream: its session has ended, or the log lacks events after this one.
    Gone(u64),
}

impl Owned {
    /// Returns the owner of the streams of a session: the session and its principal.
    pub(super) fn by(session: &Session) -> Self {
        let principal = session.principal.as_ref().map(Principal::key);
        let nonce = u128::from_be_bytes(session.nonce);
        Self(format!("{nonce:032x}-{}", digest(principal)))
    }

    /// Returns the text of an entry. `request` is the id of the request that the stream answers, as JSON.
    pub(super) fn write(&self, entry: &Entry, request: Option<&str>) -> String {
        let (kind, number) = match entry {
            Entry::Events(first, _) => ("events", first),
            Entry::Value(number) => ("value", number),
            Entry::Alive(last) => ("alive", last),
            Entry::End(last) => ("end", last),
            Entry::Closed(last) => ("closed", last),
            Entry::Gone(last) => ("gone", last),
        };
        let mut text = format!("{} {kind} {number}", self.0);
        if let Some(request) = request {
            text.push(' ');
            text.push_str(request);
        }
        if let Entry::Events(_, events) = entry {
            for event in events {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n{event}");
            }
        }
        text
    }

    /// Returns an entry from its text, and the id of the request; `None` if it is not an entry of this owner.
    pub(super) fn read(&self, text: &[u8]) -> Option<(Entry, Option<Id>)> {
        let mut lines = std::str::from_utf8(text).ok()?.split('\n');
        let mut head = lines.next()?.splitn(4, ' ');
        if head.next()? != self.0 {
            return None;
        }
        let kind = head.next()?;
        let number = head.next()?.parse().ok()?;
        let request = head.next().and_then(Id::parse);
        let entry = match kind {
            "events" => Entry::Events(number, lines.map(str::to_owned).collect()),
            "value" => Entry::Value(number),
            "alive" => Entry::Alive(number),
            "end" => Entry::End(number),
            "closed" => Entry::Closed(number),
            "gone" => Entry::Gone(number),
            _ => return None,
        };
        Some((entry, request))
    }
}

/// Returns the key of an event that is a value of the store.
pub(super) fn key_of(log: &str, number: u64) -> String {
    format!("{log}-{number}")
}
