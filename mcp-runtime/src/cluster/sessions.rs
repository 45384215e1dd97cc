//! What replicas know of a session besides its token: whether it has ended, and its settings. It is one value of the store.

use serde::{Deserialize, Serialize};

use crate::protocol::LogLevel;
use crate::uri_template::{Uri, Uris};

/// The settings of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedSession {
    /// The number of changes. Of two states of a session, the one with the greater number is the later one.
    pub(crate) version: u64,
    /// The account of the client, for which the memory of the settings counts.
    pub(crate) account: String,
    /// `true` if the client has ended the session.
    pub(crate) ended: bool,
    /// The lowest level of log messages, if it was set.
    pub(crate) level: Option<LogLevel>,
    /// The URIs of the resources that it is subscribed to, as the client wrote them.
    pub(crate) subscriptions: Vec<String>,
}

/// A change of the settings of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    LogLevel(LogLevel),
    /// A subscription to a resource, of which the session may have at most this number.
    Subscribed(String, usize),
    Unsubscribed(String),
    /// The client ends the session.
    Ended,
}

/// What has become of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// Nothing has changed, because the session has too many subscriptions.
    TooMany,
    /// Nothing has changed, because the session has ended.
    Ended,
}

impl SharedSession {
    /// Applies a change.
    pub(super) fn apply(&mut self, setting: &Setting) -> Changed {
        if self.ended {
            return Changed::Ended;
        }
        match setting {
            Setting::LogLevel(level) => self.level = Some(*level),
            Setting::Subscribed(uri, most) if !self.subscriptions.contains(uri) => {
                if self.subscriptions.len() >= *most {
                    return Changed::TooMany;
                }
                self.subscriptions.push(uri.clone());
            }
            Setting::Subscribed(..) => {}
            Setting::Unsubscribed(uri) => {
                let mut uris: Uris = self.subscriptions.iter().collect();
                uris.remove(&Uri::new(uri));
                self.subscriptions = uris.iter().map(str::to_owned).collect();
            }
            Setting::Ended => self.ended = true,
        }
        self.version += 1;
        Changed::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_a_later_state_and_a_refused_one_does_not() {
        let subscribed = |uri: &str| Setting::Subscribed(uri.to_owned(), 2);
        let mut session = SharedSession::default();
        for (setting, changed, version) in [
            (subscribed("http://a/1"), Changed::Done, 1),
            (subscribed("http://a/2"), Changed::Done, 2),
            (subscribed("http://a/3"), Changed::TooMany, 2),
            (subscribed("http://a/2"), Changed::Done, 3),
            (
                Setting::Unsubscribed("HTTP://A/1".to_owned()),
                Changed::Done,
                4,
            ),
            (Setting::LogLevel(LogLevel::Error), Changed::Done, 5),
            (Setting::Ended, Changed::Done, 6),
            (subscribed("http://a/4"), Changed::Ended, 6),
        ] {
            assert_eq!(session.apply(&setting), changed, "{setting:?}");
            assert_eq!(session.version, version, "{setting:?}");
        }
        assert_eq!(
            session.subscriptions,
            ["http://a/2"],
            "equivalent URIs are one"
        );
        assert!(session.ended && session.level == Some(LogLevel::Error));
    }
}
