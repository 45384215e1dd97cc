//! The events that replicas tell each other, and their form in the logs of the store.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::sessions::SharedSession;

/// What a replica tells all replicas, also itself. Each of them sees all events in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// A list has changed.
    List(List),
    /// These components were added to a list, or removed.
    Components(List, Vec<Component>),
    /// The contents of the resource with this URI have changed.
    Resource(String),
    /// Any list and any resource may have changed.
    Anything,
    /// The record of the task with this id has changed.
    Task(String),
    /// The token with this key, of 32 hexadecimal digits, is not valid any more: it was revoked, or its issuer has withdrawn it.
    Revoked(String),
    /// Something has changed in a session.
    Session(SessionKey, SessionEvent),
}

/// A list of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    Tools,
    Prompts,
    Resources,
}

/// A component that was added or removed, as rules of visibility see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) hiding_scopes: Vec<String>,
}

/// What identifies a session, and the time at which it expires, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionKey {
    pub(crate) nonce: [u8; 16],
    pub(crate) expires: u64,
}

/// What has changed in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionEvent {
    /// Its client has sent `notifications/initialized`.
    Initialized,
    /// Its client has sent `notifications/cancelled` for the request with this id, as JSON.
    Cancelled(String),
    /// The sender has a new stream for messages that belong to no request. All others end.
    StreamOpened,
    /// The sender reads the stream with this name from its log. Other readers of the stream end.
    StreamResumed(String),
    /// Its settings are these now, or it has ended.
    Settings(SharedSession),
}

/// What one replica sends to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Letter {
    /// The response of a client to a question of the other replica.
    Response { nonce: [u8; 16], text: String },
}

/// An entry of a log: an event or a letter with its sender.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// The id of the sender.
    pub(super) from: String,
    /// The number of the entry among those of its sender. An entry whose reply was lost may be in the log twice.
    pub(super) number: u64,
    pub(super) body: Body,
}

/// The content of an entry, or the key of the value with the content, if it is too large for an entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    Here(Box<RawValue>),
    At(String),
}
