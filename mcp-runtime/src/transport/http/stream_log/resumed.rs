//! What a client gets that resumes a stream.

use crate::service::Held;

/// What a client gets that resumes a stream.
#[derive(Debug)]
pub(in super::super) enum Resumed<Rest> {
    /// The rest of the stream.
    Rest(Rest),
    /// A new GET stream, because the other one was a GET stream, too, or cannot be resumed.
    New(Missed),
}

/// What a client that opens a new GET stream lacks of its earlier one.
#[derive(Debug, Default)]
pub(in super::super) struct Missed {
    /// The messages that were sent on the earlier stream.
    pub(in super::super) messages: Vec<String>,
    /// The changes after them.
    pub(in super::super) changes: Changes,
    /// The size of the messages.
    pub(super) _held: Held,
}

/// Changes of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum Changes {
    #[default]
    Nothing,
    /// Those after this position of the log of the cluster.
    Since(u64),
    /// It is not known which.
    Anything,
}

impl Missed {
    pub(super) fn anything() -> Self {
        Self {
            changes: Changes::Anything,
            ..Self::default()
        }
    }
}
