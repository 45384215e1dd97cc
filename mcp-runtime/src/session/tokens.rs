//! The ids of sessions over HTTP. Each id is a sealed token with the state of the session.
//!
//! Any replica with the same key can therefore serve a session, also after a restart. Only sessions that were ended
//! before their expiry must be remembered, at most [`REMEMBERED`].

use std::borrow::Cow;
use std::sync::Arc;

use super::state::{OVERHEAD, REMEMBERED, Session, SessionState};
use super::{CACHED, SessionStore, session_store};
use crate::owner::{Owner, Principal};
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::seal::{SealError, Sealer};
use crate::store::{Bounded, Capacity, now};
use crate::sync::Mutex;

const PURPOSE: &str = "mcp-session";

/// The content of a token, as JSON: nonce, expiry, revision, capabilities, and the client's name and version.
type TokenContent<'a> = (
    [u8; 16],
    u64,
    Cow<'a, str>,
    [bool; 5],
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
            opened: Mutex::new(opened()),
        }
    }

    /// Returns the token of a session.
    pub(crate) fn seal(&self, session: &SessionState) -> Result<String, SealError> {
        let purpose = purpose(session.principal.as_ref());
        self.sealer.seal(&purpose, write(session).as_bytes())
    }

    /// Returns the session of a token, or `None` if the token is invalid, or if its session has expired or ended or was opened
    /// by another caller.
    pub(crate) fn open(&self, token: &str, principal: Option<&Principal>) -> Option<Session> {
        let session = self.known(token, principal);
        let session = session.or_else(|| {
            let session = self.unseal(token, principal)?;
            self.remember(token, &session);
            Some(session)
        })?;
        (!self.is_ended(&session)).then_some(session)
    }

    /// Returns the session of a token that was opened before, even if the session has ended.
    pub(crate) fn known(&self, token: &str, principal: Option<&Principal>) -> Option<Session> {
        let opened = self.opened.lock();
        let session = opened.get(token)?;
        (session.principal.as_ref() == principal).then(|| Arc::clone(session))
    }

    /// Returns `true` if a session was ended, as far as this process knows.
    pub(crate) fn is_ended(&self, session: &SessionState) -> bool {
        self.ended.lock().get(&session.nonce).is_some()
    }

    /// Returns the content of a token that has not expired, even if its session has ended.
    pub(crate) fn unseal(&self, token: &str, principal: Option<&Principal>) -> Option<Session> {
        let content = self.sealer.open(&purpose(principal), token)?;
        let session = Arc::new(SessionState {
            principal: principal.cloned(),
            ..read(&content)?
        });
        let lease = session.lease(Owner::Local, OVERHEAD);
        (now() < lease.expires).then_some(session)
    }

    /// Keeps an opened token for its next use.
    pub(crate) fn remember(&self, token: &str, session: &Session) {
        let lease = session.lease(Owner::Local, token.len() + OVERHEAD);
        let mut opened = self.opened.lock();
        opened.cache(token.into(), lease, Arc::clone(session));
    }

    /// Forgets all opened tokens, so that the next use of each is as the first.
    pub(crate) fn forget_opened(&self) {
        *self.opened.lock() = opened();
    }

    /// Returns `true` if the end of a session of an account can be kept.
    pub(crate) fn can_end(&self, session: &SessionState, account: &Owner) -> bool {
        let mut ended = self.ended.lock();
        let (entries, bytes) = (1, OVERHEAD);
        let is_known = ended.get(&session.nonce).is_some();
        is_known || ended.check(account, Capacity { entries, bytes }).is_ok()
    }

    /// Ends a session of an account. Returns `false` if the store of ended sessions is full, or the share of the account.
    pub(crate) fn end(&self, session: &SessionState, account: Owner) -> bool {
        let lease = session.lease(account, OVERHEAD);
        self.ended.lock().hold(session.nonce, lease, || ()).is_ok()
    }
}

fn opened() -> Bounded<Arc<str>, Session> {
    Bounded::new(CACHED, CACHED << 10)
}

/// Returns the purpose of the token of a caller's session. With another caller, the token does not open.
fn purpose(principal: Option<&Principal>) -> Cow<'static, str> {
    match principal {
        None => PURPOSE.into(),
        Some(principal) => format!("{PURPOSE} {}", principal.key()).into(),
    }
}

fn write(session: &SessionState) -> String {
    let SessionState {
        nonce,
        revision,
        capabilities,
        client,
        // The token is sealed for the principal.
        principal: _,
        expires,
    } = session;
    let capabilities = [
        capabilities.roots,
        capabilities.sampling,
        capabilities.elicitation_form,
        capabilities.elicitation_url,
        capabilities.apps,
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
    let [roots, sampling, elicitation_form, elicitation_url, apps] = capabilities;
    Some(SessionState {
        nonce,
        revision: Revision::from_name(&revision)?,
        capabilities: ClientCapabilities {
            roots,
            sampling,
            elicitation_form,
            elicitation_url,
            apps,
            tasks: false,
        },
        client: ClientInfo {
            name: name.into_owned(),
            version: version.into_owned(),
            apps,
        },
        principal: None,
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
        assert_eq!(tokens(1).open(&token, None), Some(session));
        assert_eq!(tokens(2).open(&token, None), None);
    }

    #[test]
    fn a_token_keeps_every_capability_and_any_name() {
        for index in 0..5 {
            let mut capabilities = [false; 5];
            capabilities[index] = true;
            let [roots, sampling, elicitation_form, elicitation_url, apps] = capabilities;
            let session = SessionState {
                capabilities: ClientCapabilities {
                    roots,
                    sampling,
                    elicitation_form,
                    elicitation_url,
                    apps,
                    tasks: false,
                },
                client: ClientInfo {
                    name: "a \"quoted\" \\ \u{1}".to_owned(),
                    version: String::new(),
                    apps,
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
        assert!(tokens.end(&session, Owner::Local));
        assert_eq!(tokens.open(&token, None), None);
        let expired = SessionState {
            expires: now() / 1000,
            ..(*begin()).clone()
        };
        let token = tokens.seal(&expired).expect("sealed");
        assert_eq!(tokens.open(&token, None), None);
    }

    #[test]
    fn a_token_that_was_opened_before_is_opened_again() {
        let tokens = tokens(1);
        let (first, other) = (begin(), begin());
        let names = [&first, &other].map(|session| tokens.seal(session).expect("sealed"));
        for _ in 0..2 {
            assert_eq!(tokens.open(&names[0], None), Some(Arc::clone(&first)));
            assert_eq!(tokens.open(&names[1], None), Some(Arc::clone(&other)));
        }
        assert!(tokens.end(&first, Owner::Local));
        assert_eq!(tokens.open(&names[0], None), None);
        assert_eq!(tokens.open(&names[1], None), Some(other));
        for _ in 0..2 * CACHED {
            let name = tokens.seal(&begin()).expect("sealed");
            assert!(tokens.open(&name, None).is_some());
        }
    }

    #[test]
    fn a_full_memory_of_ended_sessions_forgets_none() {
        let tokens = tokens(1);
        let first = begin();
        assert!(tokens.end(&first, Owner::Local));
        for number in 1..REMEMBERED {
            assert!(tokens.end(&numbered(number), Owner::Local));
        }
        assert!(!tokens.end(&begin(), Owner::Local));
        let token = tokens.seal(&first).expect("sealed");
        assert_eq!(tokens.open(&token, None), None);
    }

    #[test]
    fn only_the_caller_that_opened_a_session_can_use_it() {
        let ada = Principal::new("ada");
        let callers = [
            None,
            Some(ada.clone()),
            Some(ada.issued_by("https://id.test")),
            Some(Principal::new("bob")),
        ];
        for (index, principal) in callers.iter().enumerate() {
            let session = SessionState {
                principal: principal.clone(),
                ..(*begin()).clone()
            };
            let token = tokens(1).seal(&session).expect("sealed");
            // Of one process, whose cache knows the token or does not, and of another one.
            let known = tokens(1);
            assert_eq!(
                known.open(&token, principal.as_ref()).as_deref(),
                Some(&session)
            );
            for (other_index, other) in callers.iter().enumerate() {
                for tokens in [&known, &tokens(1)] {
                    let opened = tokens.open(&token, other.as_ref());
                    assert_eq!(opened.is_some(), index == other_index);
                }
            }
        }
    }

    #[test]
    fn the_ended_sessions_of_one_account_leave_space_for_those_of_others() {
        let tokens = tokens(1);
        let [one, other] = [1, 2].map(|number| Owner::Peer([192, 0, 2, number].into()));
        let ended = (0..REMEMBERED).filter(|number| tokens.end(&numbered(*number), one.clone()));
        assert_eq!(ended.count(), REMEMBERED / 8);
        assert!(tokens.end(&begin(), other));
    }
}
