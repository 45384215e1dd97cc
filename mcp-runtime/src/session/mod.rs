//! Legacy HTTP sessions without state: the session id is itself a sealed token of what `initialize` negotiated.
//!
//! So any replica with the same key, or the same one after a restart, can serve a session. All that must be remembered
//! is which sessions were ended before their time, and no more than [`ENDED`] of those. What a session asks for later
//! is kept in memory as well ([`Memory`]): it is bounded, and lost at a restart.

mod memory;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::{LogLevel, Revision};
use crate::seal::{SealError, Sealer, random_bytes};
use crate::sync::Mutex;

pub(crate) use memory::Memory;

/// How long a session lives, in seconds: a day.
const LIFETIME: u64 = 24 * 60 * 60;

/// How many ended sessions are remembered, each until it would have expired.
const ENDED: usize = 10_000;

/// How many opened tokens are kept, since unsealing one costs as much as the rest of a call.
const OPENED: usize = 1024;

/// The longest name or version of a client that a token keeps, in bytes.
const LONGEST_NAME: usize = 128;

const PURPOSE: &str = "mcp-session";

/// What `initialize` negotiated, shared by all requests of the session.
pub(crate) type Session = Arc<Negotiated>;

/// What `initialize` negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// Tells the session from every other one.
    pub(crate) nonce: [u8; 16],
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client: ClientInfo,
    /// Seconds since 1970 after which the session is over.
    pub(crate) expires: u64,
}

/// Opens and ends sessions.
pub(crate) struct Sessions {
    sealer: Arc<Sealer>,
    /// The URIs of the resources that sessions subscribed to.
    pub(crate) subscriptions: Memory<BTreeSet<String>>,
    /// The lowest level of log messages that sessions want.
    pub(crate) log_levels: Memory<Option<LogLevel>>,
    opened: Mutex<HashMap<Box<str>, Session>>,
    ended: Mutex<HashMap<[u8; 16], u64>>,
}

impl Sessions {
    pub(crate) fn new(sealer: Arc<Sealer>) -> Self {
        Self {
            sealer,
            subscriptions: Memory::default(),
            log_levels: Memory::default(),
            opened: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    /// A new session, as negotiated by `initialize`.
    pub(crate) fn begin(
        revision: Revision,
        capabilities: ClientCapabilities,
        client: ClientInfo,
    ) -> Result<Session, SealError> {
        Ok(Arc::new(Negotiated {
            nonce: random_bytes()?,
            revision,
            capabilities,
            client: ClientInfo {
                name: shortened(client.name),
                version: shortened(client.version),
            },
            expires: now() + LIFETIME,
        }))
    }

    pub(crate) fn token(&self, session: &Negotiated) -> Result<String, SealError> {
        self.sealer.seal(PURPOSE, &write(session))
    }

    /// The session of a token; `None` if it is not ours, expired or ended.
    pub(crate) fn open(&self, token: &str) -> Option<Session> {
        let session = self.unseal(token)?;
        let ended = self.ended.lock();
        let alive = now() < session.expires && !ended.contains_key(&session.nonce);
        alive.then_some(session)
    }

    /// What a token says, whether or not its session is still alive.
    fn unseal(&self, token: &str) -> Option<Session> {
        let opened = || self.opened.lock();
        let known = opened().get(token).cloned();
        if known.is_some() {
            return known;
        }
        let session = Arc::new(read(&self.sealer.open(PURPOSE, token).ok()?)?);
        let mut opened = opened();
        if opened.len() >= OPENED {
            opened.clear();
        }
        opened.insert(token.into(), Arc::clone(&session));
        Some(session)
    }

    /// Ends a session; `false` if no more can be remembered.
    pub(crate) fn end(&self, session: &Negotiated) -> bool {
        let mut ended = self.ended.lock();
        if ended.len() >= ENDED {
            let now = now();
            ended.retain(|_, expires| *expires > now);
        }
        let room = ended.len() < ENDED;
        if room {
            ended.insert(session.nonce, session.expires);
            self.subscriptions.forget(session);
            self.log_levels.forget(session);
        }
        room
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn shortened(mut text: String) -> String {
    let end = (0..=LONGEST_NAME.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text.truncate(end);
    text
}

/// The layout of a token's content; the first byte is its version.
fn write(session: &Negotiated) -> Vec<u8> {
    let mut bytes = vec![1, session.capabilities.to_bits()];
    bytes.extend(session.expires.to_be_bytes());
    bytes.extend(session.nonce);
    for text in [
        session.revision.name(),
        &session.client.name,
        &session.client.version,
    ] {
        bytes.push(u8::try_from(text.len()).unwrap_or(0));
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn read(bytes: &[u8]) -> Option<Negotiated> {
    let (&[1, capabilities], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let (expires, rest) = rest.split_first_chunk()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    let (revision, rest) = read_text(rest)?;
    let (name, rest) = read_text(rest)?;
    let (version, _) = read_text(rest)?;
    Some(Negotiated {
        nonce: *nonce,
        revision: Revision::from_name(revision)?,
        capabilities: ClientCapabilities::from_bits(capabilities),
        client: ClientInfo {
            name: name.to_owned(),
            version: version.to_owned(),
        },
        expires: u64::from_be_bytes(*expires),
    })
}

fn read_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(key: u8) -> Sessions {
        Sessions::new(Arc::new(Sealer::from_keys(&[[key; 32]]).expect("one key")))
    }

    fn begin() -> Session {
        let client = ClientInfo {
            name: "é".repeat(100),
            version: "1".to_owned(),
        };
        Sessions::begin(
            Revision::V2025_06_18,
            ClientCapabilities::from_bits(5),
            client,
        )
        .expect("the system gives random bytes")
    }

    #[test]
    fn another_replica_with_the_key_opens_a_session() {
        let session = begin();
        let token = sessions(1).token(&session).expect("sealed");
        assert!(token.len() <= 1024 && token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        assert_eq!(sessions(1).open(&token), Some(session));
        assert_eq!(sessions(2).open(&token), None);
    }

    #[test]
    fn an_ended_or_expired_session_stays_closed() {
        let sessions = sessions(1);
        let session = begin();
        let token = sessions.token(&session).expect("sealed");
        assert!(sessions.end(&session));
        assert_eq!(sessions.open(&token), None);
        let expired = Negotiated {
            expires: now(),
            ..(*begin()).clone()
        };
        let token = sessions.token(&expired).expect("sealed");
        assert_eq!(sessions.open(&token), None);
    }

    #[test]
    fn a_token_that_was_opened_before_is_opened_again() {
        let sessions = sessions(1);
        let (first, other) = (begin(), begin());
        let tokens = [&first, &other].map(|session| sessions.token(session).expect("sealed"));
        for _ in 0..2 {
            assert_eq!(sessions.open(&tokens[0]), Some(Arc::clone(&first)));
            assert_eq!(sessions.open(&tokens[1]), Some(Arc::clone(&other)));
        }
        assert!(sessions.end(&first));
        assert_eq!(sessions.open(&tokens[0]), None);
        assert_eq!(sessions.open(&tokens[1]), Some(other));
        for _ in 0..2 * OPENED {
            let token = sessions.token(&begin()).expect("sealed");
            assert!(sessions.open(&token).is_some());
        }
        assert!(sessions.opened.lock().len() <= OPENED);
    }

    #[test]
    fn a_full_memory_of_ended_sessions_forgets_none() {
        let sessions = sessions(1);
        let first = begin();
        assert!(sessions.end(&first));
        for number in 0..u64::try_from(ENDED).expect("fits") - 1 {
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            assert!(sessions.end(&Negotiated {
                nonce,
                ..(*first).clone()
            }));
        }
        assert!(!sessions.end(&begin()));
        let token = sessions.token(&first).expect("sealed");
        assert_eq!(sessions.open(&token), None);
    }
}
