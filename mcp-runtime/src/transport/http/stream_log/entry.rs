//! The entries of the log of a stream, as lines of text. Messages have no line breaks.

use std::fmt::Write as _;

use crate::owner::Principal;
use crate::session::Session;
use crate::store::digest;

/// The largest events that are in an entry, in bytes. A larger event is a value of the store. A reader receives up to 256 entries at
/// once, so that this limits its memory.
pub(super) const INLINE_BYTES: usize = 8 << 10;

/// What each entry says of the whole stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// It is a GET stream, which has had the changes of the server up to this position of the log of the cluster.
    Changes(u64),
    /// It answers the request with this id, as JSON.
    Request(String),
    /// It answers a batch.
    Batch,
}

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

    /// Returns the text of an entry.
    pub(super) fn write(&self, entry: &Entry, about: &About) -> String {
        let (kind, number) = match entry {
            Entry::Events(first, _) => ("events", first),
            Entry::Value(number) => ("value", number),
            Entry::Alive(last) => ("alive", last),
            Entry::End(last) => ("end", last),
            Entry::Gone(last) => ("gone", last),
        };
        let mut text = format!("{} {kind} {number}", self.0);
        // Writing to a string cannot fail.
        let _ = match about {
            About::Changes(position) => write!(text, " changes {position}"),
            About::Request(id) => write!(text, " request {id}"),
            About::Batch => Ok(()),
        };
        if let Entry::Events(_, events) = entry {
            for event in events {
                let _ = write!(text, "\n{event}");
            }
        }
        text
    }

    /// Returns an entry from its text; `None` if it is not an entry of this owner.
    pub(super) fn read(&self, text: &[u8]) -> Option<(Entry, About)> {
        let mut lines = std::str::from_utf8(text).ok()?.split('\n');
        let mut head = lines.next()?.splitn(5, ' ');
        if head.next()? != self.0 {
            return None;
        }
        let kind = head.next()?;
        let number = head.next()?.parse().ok()?;
        let about = match (head.next(), head.next()) {
            (Some("changes"), Some(position)) => About::Changes(position.parse().ok()?),
            (Some("request"), Some(id)) => About::Request(id.to_owned()),
            _ => About::Batch,
        };
        let entry = match kind {
            "events" => Entry::Events(number, lines.map(str::to_owned).collect()),
            "value" => Entry::Value(number),
            "alive" => Entry::Alive(number),
            "end" => Entry::End(number),
            "gone" => Entry::Gone(number),
            _ => return None,
        };
        Some((entry, about))
    }
}

/// Returns the key of an event that is a value of the store.
pub(super) fn key_of(log: &str, number: u64) -> String {
    format!("{log}-{number}")
}
