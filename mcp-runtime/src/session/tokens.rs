//! The ids of sessions over HTTP. Each id is a sealed token with the state of the session.
//!
//! Any replica with the same key can therefore serve a session, also after a restart. Only sessions that were ended
//! before their expiry must be remembered, at most [`REMEMBERED`].

use std::borrow::Cow;
use std::sync::Arc;

use super::state::{OVERHEAD, REMEMBERED, Session, SessionState};
use super::{CACHED, SessionStore, session_store};
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::seal::{SealError, Sealer};
use crate::store::{Bounded, now};
use crate::sync::Mutex;

const PURPOSE: &str = "mcp-session";

/// The content of a token, as JSON: nonce, expiry, revision, capabilities, and the client's name and version.
type TokenContent<'a> = (
    [u8; 16],
    u64,
    Cow<'a, str>,
    [bool; 4],
    Cow<'a, str>,
    Cow<'a, str>,
);

/// Issues, opens and revokes the tokens of sessions.
pub(crate) struct Tokens {
    sealer: Arc<Sealer>,
    ended: SessionStore<()>,
    /// A cache of unsealed tokens: unsealing a token costs as much as the rest of a call.
    opened: Mutex<Bounded<Arc<str>, Session>>,
}

impl Tokens {
    pub(crate) fn new(sealer: Arc<Sealer>) -> Self {
        Self {
            sealer,
            ended: session_store(REMEMBERED),
            opened: Mutex::new(Bounded::new(CACHED, CACHED << 10)),
        }
    }

    /// Returns the token of a session.
    pub(crate) fn seal(&self, session: &SessionState) -> Result<String, SealError> {
        self.sealer.seal(PURPOSE, write(session).as_bytes())
    }

    /// Returns the session of a token, or `None` if the token is invalid or its session has expired or ended.
    pub(crate) fn open(&self, token: &str) -> Option<Session> {
        let session = self.unseal(token)?;
        let is_ended = self.ended.lock().get(&session.nonce).is_some();
        (!is_ended).then_some(session)
    }

    /// Returns the content of a token that has not expired, even if its session has ended.
    fn unseal(&self, token: &str) -> Option<Session> {
        if let Some(session) = self.opened.lock().get(token) {
            return Some(Arc::clone(session));
        }
        let session = Arc::new(read(&self.sealer.open(PURPOSE, token)?)?);
        let lease = session.lease(token.len() + OVERHEAD);
        if lease.expires <= now() {
            return None;
        }
        let mut opened = self.opened.lock();
        opened.cache(token.into(), lease, Arc::clone(&session));
        Some(session)
    }

    /// Ends a session. Returns `false` if the store of ended sessions is full.
    pub(crate) fn end(&self, session: &SessionState) -> bool {
        let lease = session.lease(OVERHEAD);
        self.ended.lock().hold(session.nonce, lease, || ()).is_ok()
    }
}

fn write(session: &SessionState) -> String {
    let SessionState {
        nonce,
        revision,
        capabilities,
        client,
        expires,
    } = session;
    let capabilities = [
        capabilities.roots,
        capabilities.sampling,
        capabilities.elicitation_form,
        capabilities.elicitation_url,
    ];
    let content: TokenContent<'_> = (
        *nonce,
        *expires,
        revision.name().into(),
        capabilities,
        client.name.as_str().into(),
        client.version.as_str().into(),
    );
    serde_json::json!(content).to_string()
}

fn read(bytes: &[u8]) -> Option<SessionState> {
    let content: TokenContent<'_> = serde_json::from_slice(bytes).ok()?;
    let (nonce, expires, revision, capabilities, name, version) = content;
    let [roots, sampling, elicitation_form, elicitation_url] = capabilities;
    Some(SessionState {
        nonce,
        revision: Revision::from_name(&revision)?,
        capabilities: ClientCapabilities {
            roots,
            sampling,
            elicitation_form,
            elicitation_url,
        },
        client: ClientInfo {
            name: name.into_owned(),
            version: version.into_owned(),
        },
        expires,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{begin, numbered};
    use super::*;

    fn tokens(key: u8) -> Tokens {
        Tokens::new(Arc::new(Sealer::from_keys(&[[key; 32]]).expect("one key")))
    }

    #[test]
    fn another_replica_with_the_key_opens_a_session() {
        let session = begin();
        let token = tokens(1).seal(&session).expect("sealed");
        assert!(token.len() <= 1024 && token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        assert_eq!(tokens(1).open(&token), Some(session));
        assert_eq!(tokens(2).open(&token), None);
    }

    #[test]
    fn a_token_keeps_every_capability_and_any_name() {
        for index in 0..4 {
            let mut capabilities = [false; 4];
            capabilities[index] = true;
            let [roots, sampling, elicitation_form, elicitation_url] = capabilities;
            let session = SessionState {
                capabilities: ClientCapabilities {
                    roots,
                    sampling,
                    elicitation_form,
                    elicitation_url,
                },
                client: ClientInfo {
                    name: "a \"quoted\" \\ \u{1}".to_owned(),
                    version: String::new(),
                },
                ..(*begin()).clone()
            };
            assert_eq!(read(write(&session).as_bytes()), Some(session));
        }
        assert_eq!(read(b"[]"), None);
    }

    #[test]
    fn an_ended_or_expired_session_stays_closed() {
        let tokens = tokens(1);
        let session = begin();
        let token = tokens.seal(&session).expect("sealed");
        assert!(tokens.end(&session));
        assert_eq!(tokens.open(&token), None);
        let expired = SessionState {
            expires: now() / 1000,
            ..(*begin()).clone()
        };
        let token = tokens.seal(&expired).expect("sealed");
        assert_eq!(tokens.open(&token), None);
    }

    #[test]
    fn a_token_that_was_opened_before_is_opened_again() {
        let tokens = tokens(1);
        let (first, other) = (begin(), begin());
        let names = [&first, &other].map(|session| tokens.seal(session).expect("sealed"));
        for _ in 0..2 {
            assert_eq!(tokens.open(&names[0]), Some(Arc::clone(&first)));
            assert_eq!(tokens.open(&names[1]), Some(Arc::clone(&other)));
        }
        assert!(tokens.end(&first));
        assert_eq!(tokens.open(&names[0]), None);
        assert_eq!(tokens.open(&names[1]), Some(other));
        for _ in 0..2 * CACHED {
            let name = tokens.seal(&begin()).expect("sealed");
            assert!(tokens.open(&name).is_some());
        }
    }

    #[test]
    fn a_full_memory_of_ended_sessions_forgets_none() {
        let tokens = tokens(1);
        let first = begin();
        assert!(tokens.end(&first));
        for number in 1..REMEMBERED {
            assert!(tokens.end(&numbered(number)));
        }
        assert!(!tokens.end(&begin()));
        let token = tokens.seal(&first).expect("sealed");
        assert_eq!(tokens.open(&token), None);
    }
}
