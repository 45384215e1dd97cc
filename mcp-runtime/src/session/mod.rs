//! Legacy HTTP sessions without state: the session id is itself a sealed token of what `initialize` negotiated.
//!
//! So any replica with the same key, or the same one after a restart, can serve a session. All that must be remembered
//! is which sessions were ended before their time, and no more than [`REMEMBERED`] of those. What a session asks for later
//! is kept in memory as well: it is bounded, and lost at a restart.

mod negotiated;
mod subscriptions;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::{LogLevel, Revision};
use crate::seal::{SealError, Sealer, random_bytes};
use crate::store::{Bounded, Full, now};
use crate::sync::Mutex;
use negotiated::{OVERHEAD, REMEMBERED};
use subscriptions::Subscriptions;

pub(crate) use negotiated::{Negotiated, Session};

/// How long a session lives, in seconds: a day.
const LIFETIME: u64 = 24 * 60 * 60;

/// How many opened tokens are kept, since unsealing one costs as much as the rest of a call; and how many sessions that
/// have not said that they are initialized.
const CACHED: usize = 1024;

/// The longest name or version of a client that a token keeps, in bytes.
const LONGEST_NAME: usize = 128;

const PURPOSE: &str = "mcp-session";

/// What is remembered of sessions.
type Memory<T> = Mutex<Bounded<[u8; 16], T>>;

fn memory<T>(sessions: usize) -> Memory<T> {
    Mutex::new(Bounded::new(sessions, sessions * OVERHEAD))
}

/// Opens and ends sessions.
pub(crate) struct Sessions {
    sealer: Arc<Sealer>,
    pub(crate) subscriptions: Subscriptions,
    log_levels: Memory<LogLevel>,
    ended: Memory<()>,
    opened: Mutex<Bounded<Arc<str>, Session>>,
    /// Sessions that this process opened and whose clients have not said that they are initialized. Whoever waits for
    /// that hears of it when the sender is dropped.
    opening: Memory<watch::Sender<()>>,
}

impl Sessions {
    pub(crate) fn new(sealer: Arc<Sealer>) -> Self {
        Self {
            sealer,
            subscriptions: Subscriptions::default(),
            log_levels: memory(REMEMBERED),
            ended: memory(REMEMBERED),
            opened: Mutex::new(Bounded::new(CACHED, CACHED << 10)),
            opening: memory(CACHED),
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
            expires: now() / 1000 + LIFETIME,
        }))
    }

    pub(crate) fn token(&self, session: &Negotiated) -> Result<String, SealError> {
        self.sealer.seal(PURPOSE, &write(session))
    }

    /// The session of a token; `None` if it is not ours, expired or ended.
    pub(crate) fn open(&self, token: &str) -> Option<Session> {
        let session = self.unseal(token)?;
        let is_ended = self.ended.lock().get(&session.nonce).is_some();
        (!is_ended).then_some(session)
    }

    /// What a token says that has not expired, whether or not its session was ended.
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

    /// Ends a session; `false` if no more can be remembered.
    pub(crate) fn end(&self, session: &Negotiated) -> bool {
        let lease = session.lease(OVERHEAD);
        let remembered = self.ended.lock().hold(session.nonce, lease, || ()).is_ok();
        if remembered {
            self.subscriptions.forget(session);
            self.log_levels.lock().remove(&session.nonce);
            self.initialized(session);
        }
        remembered
    }

    /// Returns the lowest level of log messages that a session asked for.
    pub(crate) fn log_level(&self, session: &Negotiated) -> Option<LogLevel> {
        self.log_levels.lock().get(&session.nonce).copied()
    }

    /// Notes the lowest level of log messages that a session wants.
    ///
    /// # Errors
    /// No more can be remembered.
    pub(crate) fn set_log_level(&self, session: &Negotiated, level: LogLevel) -> Result<(), Full> {
        let mut levels = self.log_levels.lock();
        match levels.get_mut(&session.nonce) {
            Some(known) => *known = level,
            None => *levels.hold(session.nonce, session.lease(OVERHEAD), || level)? = level,
        }
        Ok(())
    }

    /// Notes that the client of a new session has still to say that it is initialized. With too many such, the first are
    /// taken as initialized.
    pub(crate) fn greeted(&self, session: &Negotiated) {
        let (sender, _) = watch::channel(());
        let mut opening = self.opening.lock();
        opening.cache(session.nonce, session.lease(OVERHEAD), sender);
    }

    /// Notes that the client of a session is initialized.
    pub(crate) fn initialized(&self, session: &Negotiated) {
        self.opening.lock().remove(&session.nonce);
    }

    /// Waits until the client of a session is initialized, and tells whether it was in time. Sessions that this process
    /// has not opened are.
    pub(crate) fn wait_for(
        &self,
        nonce: [u8; 16],
        patience: Duration,
    ) -> impl Future<Output = bool> + Send + use<> {
        let opening = self
            .opening
            .lock()
            .get(&nonce)
            .map(watch::Sender::subscribe);
        async move {
            match opening {
                // Nothing is ever sent: the sender is dropped.
                Some(mut opening) => tokio::time::timeout(patience, opening.changed())
                    .await
                    .is_ok(),
                None => true,
            }
        }
    }
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

    /// A session that is told from others by a number.
    pub(super) fn numbered(number: usize) -> Negotiated {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        Negotiated {
            nonce,
            ..(*begin()).clone()
        }
    }

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
            expires: now() / 1000,
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
        for _ in 0..2 * CACHED {
            let token = sessions.token(&begin()).expect("sealed");
            assert!(sessions.open(&token).is_some());
        }
    }

    #[test]
    fn a_full_memory_of_ended_sessions_forgets_none() {
        let sessions = sessions(1);
        let first = begin();
        assert!(sessions.end(&first));
        for number in 1..REMEMBERED {
            assert!(sessions.end(&numbered(number)));
        }
        assert!(!sessions.end(&begin()));
        let token = sessions.token(&first).expect("sealed");
        assert_eq!(sessions.open(&token), None);
    }

    #[test]
    fn a_full_memory_of_levels_refuses_new_sessions_only() {
        let sessions = sessions(1);
        for number in 0..REMEMBERED {
            let set = sessions.set_log_level(&numbered(number), LogLevel::Error);
            assert!(set.is_ok());
        }
        let (first, late) = (numbered(0), numbered(REMEMBERED));
        assert!(sessions.set_log_level(&late, LogLevel::Debug).is_err());
        assert!(sessions.set_log_level(&first, LogLevel::Debug).is_ok());
        assert_eq!(sessions.log_level(&first), Some(LogLevel::Debug));
        assert_eq!(sessions.log_level(&late), None);
        // They expire with their sessions.
        assert!(sessions.end(&first));
        assert!(sessions.set_log_level(&late, LogLevel::Debug).is_ok());
    }

    #[tokio::test]
    async fn who_waits_for_a_client_to_be_initialized_waits_no_longer_than_that() {
        let sessions = sessions(1);
        let session = begin();
        let moment = Duration::from_millis(10);
        assert!(sessions.wait_for(session.nonce, moment).await);
        sessions.greeted(&session);
        assert!(!sessions.wait_for(session.nonce, moment).await);
        let waiting = sessions.wait_for(session.nonce, 100 * moment);
        sessions.initialized(&session);
        assert!(waiting.await);
        assert!(sessions.wait_for(session.nonce, moment).await);
    }
}
