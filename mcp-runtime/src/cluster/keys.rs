//! The keys that seal the tokens of clients, which all replicas share and replace while they run.
//!
//! A new key is published before any replica seals with it, and removed after all tokens that it sealed have expired.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::seal::{SealError, Sealer, random_bytes};
use crate::store::{Store, StoreEntry, now};
use crate::sync::Mutex;

/// The key of the entry in the store.
const ENTRY: &str = "keys";

/// The purpose for which the entry is sealed.
const PURPOSE: &str = "mcp-keys";

/// The time between two looks at the entry.
pub(crate) const READ_INTERVAL: Duration = Duration::from_secs(10);

/// The time, in milliseconds, for which a key is published before it seals. All replicas have read it by then.
const PUBLISHED: u64 = 60_000;

/// The time, in milliseconds, for which a key seals.
const ROTATION: u64 = 24 * HOUR;

/// The time, in milliseconds, for which a key opens tokens after the next one seals. Sessions live 24 hours.
const KEPT: u64 = 25 * HOUR;

const HOUR: u64 = 60 * 60 * 1000;

/// The time for which the entry is kept after its last change. No key is needed for so long.
const TIME_TO_LIVE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The time that the store has for one step.
const STEP_TIME: Duration = Duration::from_secs(10);

/// The maximum number of keys in a ring.
const MAX_KEYS: usize = 64;

/// How often a change is attempted, if other replicas change the ring at the same time.
const ATTEMPTS: usize = 8;

/// The reasons why an entry is not a ring that this replica can read.
const NOT_SEALED: &str = "it is not sealed with one of the keys of `Server::session_keys` or `MCP_SESSION_KEYS` of this replica: \
     give all replicas the same keys, or remove the entry while no replica runs, which ends all sessions";
const NOT_A_RING: &str = "it is not a list of keys: if other replicas have `Server::session_keys` or `MCP_SESSION_KEYS`, give \
     this one the same, or remove the entry while no replica runs, which ends all sessions";

/// One key, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RingKey {
    /// The time since which it seals, in milliseconds since 1970.
    since: u64,
    key: [u8; 32],
}

/// The keys, in the order in which they seal. There is at least one.
type Ring = Vec<RingKey>;

/// The reason why the keys cannot be read or changed.
#[derive(Debug)]
pub(crate) enum KeyRingError {
    /// The store failed.
    Store(Box<dyn Error + Send + Sync>),
    /// The entry is not a ring that this replica can read.
    Unreadable(&'static str),
    /// A key could not be made, or the ring could not be sealed.
    Seal(SealError),
    /// There are too many keys.
    Full,
    /// Other replicas changed the ring all the time.
    Contended,
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(
                formatter,
                "the session keys of the replicas (`{ENTRY}` in their store) cannot be reached: {error}"
            ),
            Self::Unreadable(reason) => write!(
                formatter,
                "the session keys of the replicas (`{ENTRY}` in their store) cannot be read: {reason}"
            ),
            Self::Seal(error) => write!(formatter, "a session key cannot be made: {error}"),
            Self::Full => write!(
                formatter,
                "there are {MAX_KEYS} session keys: the oldest is removed {} hours after its replacement",
                KEPT / HOUR
            ),
            Self::Contended => write!(
                formatter,
                "other replicas changed the session keys (`{ENTRY}` in the store) {ATTEMPTS} times: try again"
            ),
        }
    }
}

impl Error for KeyRingError {}

impl From<SealError> for KeyRingError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

/// The keys of all replicas, as this replica knows them.
pub(crate) struct KeyRing {
    store: Arc<dyn Store>,
    /// The keys of the application, which open tokens, too.
    configured: Vec<[u8; 32]>,
    /// Seals the entry, so that the store does not know the keys; `None` without keys of the application.
    entry_sealer: Option<Sealer>,
    sealer: Arc<Sealer>,
    ring: Mutex<Ring>,
    /// `true` after the log says that the entry cannot be read, until it can.
    has_failed: AtomicBool,
}

impl KeyRing {
    /// Reads the keys, or makes the first one.
    ///
    /// # Errors
    /// Returns an error if the keys cannot be read.
    pub(crate) async fn load(
        store: Arc<dyn Store>,
        configured: Vec<[u8; 32]>,
    ) -> Result<Self, KeyRingError> {
        let first = new_key(now())?;
        let sealer = Sealer::from_keys(&[first.key]).ok_or(KeyRingError::Full)?;
        let keys = Self {
            store,
            entry_sealer: Sealer::from_keys(&configured),
            configured,
            sealer: Arc::new(sealer),
            ring: Mutex::new(vec![first]),
            has_failed: AtomicBool::new(false),
        };
        let found = match keys.read().await? {
            Some((_, ring)) => ring,
            None => keys.create().await?,
        };
        keys.adopt(found);
        Ok(keys)
    }

    /// Puts the ring of this replica into the store, or returns that of another replica.
    async fn create(&self) -> Result<Ring, KeyRingError> {
        let ring = self.ring.lock().clone();
        if self.put(&ring).await? {
            return Ok(ring);
        }
        let found = self.read().await?;
        found.map_or(Err(KeyRingError::Contended), |(_, ring)| Ok(ring))
    }

    /// Returns the sealer, whose keys change.
    pub(crate) fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Reads the keys again, and replaces those that have sealed for long enough. If this fails, the log says so once, and the keys
    /// stay as they are.
    pub(crate) async fn refresh(&self) {
        let refreshed = self.change(|_| Ok(())).await;
        // The time may have come for a key that was published before.
        let known = self.ring.lock().clone();
        self.adopt(known);
        match refreshed {
            Ok(()) | Err(KeyRingError::Contended) => {
                self.has_failed.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "this replica goes on with the session keys that it has");
                }
            }
        }
    }

    /// Publishes a new key, which replaces the sealing one after a minute. Does nothing if such a key is published already.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if there are too many keys.
    pub(crate) async fn rotate(&self) -> Result<(), KeyRingError> {
        self.change(|ring| add_key(ring, now())).await
    }

    /// Changes the ring, and adds the keys of this replica that a lost store does not have.
    async fn change(
        &self,
        change: impl Fn(&mut Ring) -> Result<(), KeyRingError> + Send,
    ) -> Result<(), KeyRingError> {
        for _ in 0..ATTEMPTS {
            let found = self.read().await?;
            let mut ring = found.as_ref().map_or_else(Ring::new, |it| it.1.clone());
            merge(&mut ring, &self.ring.lock());
            change(&mut ring)?;
            maintain(&mut ring, now())?;
            let is_done = match found {
                Some((_, stored)) if stored == ring => true,
                Some((value, _)) => self.replace(&value, &ring).await?,
                None => self.put(&ring).await?,
            };
            if is_done {
                self.adopt(ring);
                return Ok(());
            }
        }
        Err(KeyRingError::Contended)
    }

    /// Uses the keys of a ring.
    fn adopt(&self, ring: Ring) {
        let now = now();
        let sealing = ring.iter().rposition(|key| key.since <= now).unwrap_or(0);
        let others = ring.iter().enumerate().rev();
        let others = others.filter(|(index, _)| *index != sealing);
        let keys = ring.get(sealing).into_iter();
        let keys = keys.chain(others.map(|(_, key)| key)).map(|key| key.key);
        let keys: Vec<[u8; 32]> = keys.chain(self.configured.iter().copied()).collect();
        self.sealer.set_keys(&keys);
        *self.ring.lock() = ring;
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Ring)>, KeyRingError> {
        let Some(value) = step(self.store.get(ENTRY)).await? else {
            return Ok(None);
        };
        let ring = self.parse(&value)?;
        Ok(Some((value, ring)))
    }

    async fn put(&self, ring: &Ring) -> Result<bool, KeyRingError> {
        let value = self.encode(ring)?;
        let entry = StoreEntry::new(&value, TIME_TO_LIVE);
        step(self.store.put_if_absent(ENTRY, entry)).await
    }

    async fn replace(&self, old: &[u8], ring: &Ring) -> Result<bool, KeyRingError> {
        let value = self.encode(ring)?;
        let entry = StoreEntry::new(&value, TIME_TO_LIVE);
        step(self.store.replace(ENTRY, old, entry)).await
    }

    fn encode(&self, ring: &Ring) -> Result<Vec<u8>, KeyRingError> {
        let json = serde_json::to_vec(ring).map_err(|error| KeyRingError::Store(error.into()))?;
        match &self.entry_sealer {
            None => Ok(json),
            Some(sealer) => Ok(sealer.seal(PURPOSE, &json)?.into_bytes()),
        }
    }

    fn parse(&self, value: &[u8]) -> Result<Ring, KeyRingError> {
        let json = match &self.entry_sealer {
            None => Some(value.to_vec()),
            Some(sealer) => {
                let token = std::str::from_utf8(value).ok();
                token.and_then(|token| sealer.open(PURPOSE, token))
            }
        };
        let ring: Option<Ring> = json.and_then(|json| serde_json::from_slice(&json).ok());
        ring.filter(|ring| !ring.is_empty())
            .ok_or(KeyRingError::Unreadable(match self.entry_sealer {
                Some(_) => NOT_SEALED,
                None => NOT_A_RING,
            }))
    }
}

/// Waits for a step of the store, for a limited time.
async fn step<T>(
    step: impl Future<Output = Result<T, Box<dyn Error + Send + Sync>>>,
) -> Result<T, KeyRingError> {
    let done = timeout(STEP_TIME, step).await;
    let done =
        done.unwrap_or_else(|_| Err(format!("no answer in {} s", STEP_TIME.as_secs()).into()));
    done.map_err(KeyRingError::Store)
}

fn new_key(since: u64) -> Result<RingKey, SealError> {
    let key = random_bytes()?;
    Ok(RingKey { since, key })
}

/// Publishes a new key, unless one is published that does not seal yet.
fn add_key(ring: &mut Ring, now: u64) -> Result<(), KeyRingError> {
    if ring.last().is_some_and(|newest| newest.since > now) {
        return Ok(());
    }
    if ring.len() >= MAX_KEYS {
        return Err(KeyRingError::Full);
    }
    ring.push(new_key(now + PUBLISHED)?);
    Ok(())
}

/// Adds the keys of another ring.
fn merge(ring: &mut Ring, other: &Ring) {
    for key in other {
        if !ring.iter().any(|known| known.key == key.key) {
            ring.push(key.clone());
        }
    }
    ring.sort_by_key(|key| key.since);
}

/// Removes the keys that no token needs any more, and publishes a new key if the newest has sealed for long enough.
fn maintain(ring: &mut Ring, now: u64) -> Result<(), KeyRingError> {
    let retired = |key: &RingKey| key.since + KEPT <= now;
    let old = ring.iter().skip(1).take_while(|next| retired(next)).count();
    ring.drain(..old);
    let is_due = |newest: &RingKey| newest.since + ROTATION <= now;
    if ring.last().is_some_and(is_due) {
        add_key(ring, now)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
