//! What the replicas of a server share, in a [`Store`]: a log of events, which all of them read in the same order, letters to one of
//! them, and the settings of sessions.
//!
//! It knows neither clients nor components: a [`Member`] is the part of a replica that does.

mod event;
mod follow;
mod outbox;
#[cfg(feature = "auth")]
mod revoked;
mod sessions;
mod write;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use event::{Component, Event, Letter, List, SessionEvent, SessionKey};
pub(crate) use sessions::SharedSession;

use self::outbox::{Done, Outbox};
use crate::seal::random_bytes;
use crate::store::{Store, StoreEntry};
use crate::sync::Mutex;

/// The log of the events.
const LOG: &str = "cluster";

/// The time for which an event is kept. A replica that cannot read the log for longer acts as if anything had changed.
const EVENT_TTL: Duration = Duration::from_secs(5 * 60);

/// The longest time that a request waits until its event is told and read.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The time for which a replica counts as alive, and the interval at which it says so.
const ALIVE: Duration = Duration::from_secs(60);
const ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// The part of a replica that acts on events. No function of it may block, because later events wait.
pub(crate) trait Member: Send + Sync {
    /// Handles an event. `own` is its number if this replica has told it.
    fn receive(&self, own: Option<u64>, event: &Event);

    /// Handles a letter to this replica.
    fn receive_letter(&self, letter: &Letter) {
        let _ = letter;
    }

    /// Handles that events may have been missed, of any kind.
    fn missed(self: Arc<Self>);
}

/// The reason why replicas could not be told or asked something.
#[derive(Debug, Clone)]
pub(crate) struct ClusterError(Arc<str>);

impl ClusterError {
    fn store(error: &(dyn Error + Send + Sync)) -> Self {
        Self(format!("the store of the replicas fails: {error}").into())
    }

    fn late() -> Self {
        Self("the store of the replicas does not answer in time".into())
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for ClusterError {}

/// What is done when an event of this replica is read: after all earlier events, and before all later ones.
type Action = Box<dyn FnOnce() + Send>;

/// One replica among those that share a store.
pub(crate) struct Cluster {
    store: Arc<dyn Store>,
    /// The id of this replica: 16 hexadecimal digits that no other process has.
    replica: String,
    /// The position of the log at which this replica began.
    begin: u64,
    outbox: Mutex<Outbox>,
    /// Notified when there is something in the outbox.
    news: Notify,
    members: Mutex<Vec<Weak<dyn Member>>>,
    /// By the numbers of the events.
    actions: Mutex<BTreeMap<u64, Action>>,
    running: Mutex<Option<Running>>,
}

/// The tasks of a replica.
struct Running {
    writer: JoinHandle<()>,
    /// Those that never end by themselves.
    others: Vec<JoinHandle<()>>,
}

impl Cluster {
    /// Adds a replica to those that share a store. It reads all later events once it has [started](Self::start).
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached or has no logs, or if the system has no random bytes.
    pub(crate) async fn join(
        store: Arc<dyn Store>,
    ) -> Result<Arc<Self>, Box<dyn Error + Send + Sync>> {
        let bytes: [u8; 8] = random_bytes()?;
        let cluster = Self {
            begin: store.last_position(LOG).await?,
            store,
            replica: format!("{:016x}", u64::from_be_bytes(bytes)),
            outbox: Mutex::default(),
            news: Notify::new(),
            members: Mutex::default(),
            actions: Mutex::default(),
            running: Mutex::default(),
        };
        cluster.say_alive().await?;
        Ok(Arc::new(cluster))
    }

    /// Begins to read and to tell events.
    pub(crate) fn start(self: &Arc<Self>) {
        let (events, letters, alive) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        let writer = Arc::clone(self);
        *self.running.lock() = Some(Running {
            writer: tokio::spawn(async move { writer.write().await }),
            others: vec![
                tokio::spawn(async move { events.follow_events().await }),
                tokio::spawn(async move { letters.follow_letters().await }),
                tokio::spawn(async move { alive.stay_alive().await }),
            ],
        });
    }

    /// Tells what has not been told yet, and leaves the other replicas.
    pub(crate) async fn stop(&self) {
        let Some(running) = self.running.lock().take() else {
            return;
        };
        self.outbox.lock().is_closed = true;
        self.news.notify_one();
        // The server limits the time of this.
        let _ = running.writer.await;
        for task in running.others {
            task.abort();
        }
        if let Err(error) = self.store.remove(&alive_key(&self.replica)).await {
            tracing::warn!(%error, "the other replicas could not be told that this one has stopped");
        }
    }

    /// Returns the store that all replicas have.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the id of this replica.
    pub(crate) fn replica(&self) -> &str {
        &self.replica
    }

    /// Adds a receiver of all later events.
    pub(crate) fn add_member(&self, member: Weak<dyn Member>) {
        let mut members = self.members.lock();
        members.retain(|it| it.strong_count() > 0);
        members.push(member);
    }

    /// Returns `true` while there is anyone to pass events to. A server that was dropped has no members.
    fn has_members(&self) -> bool {
        let members = self.members.lock();
        members.iter().any(|it| it.strong_count() > 0)
    }

    fn each_member(&self, call: impl Fn(Arc<dyn Member>)) {
        let members: Vec<_> = self
            .members
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        members.into_iter().for_each(call);
    }

    /// Tells an event as soon as the store can be reached, and returns its number.
    pub(crate) fn tell(&self, event: Event) -> u64 {
        let number = self.outbox.lock().push(event, None);
        self.news.notify_one();
        number
    }

    /// Tells an event, and returns when the store has it.
    ///
    /// # Errors
    /// Returns an error if the store fails. The event may have been told nevertheless.
    pub(crate) async fn publish(&self, event: Event) -> Result<(), ClusterError> {
        let (done, told) = oneshot::channel();
        self.push(event, done, None);
        wait(told).await?
    }

    /// Tells an event, and acts when this replica reads it: after all earlier events, and before all later ones.
    ///
    /// # Errors
    /// Returns an error if the store fails. The event may have been told nevertheless; `act` does not run then.
    pub(crate) async fn in_order<T: Send + 'static>(
        &self,
        event: Event,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ClusterError> {
        let ((done, told), (result, acted)) = (oneshot::channel(), oneshot::channel());
        let action = Box::new(move || {
            // Whoever waited for it may be gone.
            let _ = result.send(act());
        });
        let number = self.push(event, done, Some(action));
        let waited = async {
            wait(told).await??;
            wait(acted).await
        };
        let waited = waited.await;
        self.actions.lock().remove(&number);
        waited
    }

    fn push(&self, event: Event, done: Done, action: Option<Action>) -> u64 {
        // Both under one lock: the event must not be read before its action is known.
        let mut actions = self.actions.lock();
        let number = self.outbox.lock().push(event, Some(done));
        if let Some(action) = action {
            actions.insert(number, action);
        }
        drop(actions);
        self.news.notify_one();
        number
    }

    /// Sends a letter to another replica. Returns `false` if there is no such replica.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn send_to(
        &self,
        replica: &str,
        letter: &Letter,
    ) -> Result<bool, ClusterError> {
        if !is_replica(replica) || replica == self.replica {
            return Ok(false);
        }
        let alive = self.store.get(&alive_key(replica)).await;
        if alive
            .map_err(|error| ClusterError::store(&*error))?
            .is_none()
        {
            return Ok(false);
        }
        let number = self.outbox.lock().number();
        self.append(&inbox(replica), number, letter).await?;
        Ok(true)
    }

    async fn say_alive(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.put(&alive_key(&self.replica), b"alive", ALIVE).await
    }

    /// Puts a value that is always the same under its key, from now on for this time.
    async fn put(
        &self,
        key: &str,
        value: &[u8],
        time: Duration,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let entry = StoreEntry::new(value, time);
        if !self.store.replace(key, value, entry.clone()).await? {
            self.store.put_if_absent(key, entry).await?;
        }
        Ok(())
    }

    async fn stay_alive(&self) {
        while self.has_members() {
            tokio::time::sleep(ALIVE_INTERVAL).await;
            if let Err(error) = self.say_alive().await {
                tracing::warn!(%error, "the store of the replicas fails: other replicas may not reach this one");
            }
        }
    }
}

async fn wait<T>(receiver: oneshot::Receiver<T>) -> Result<T, ClusterError> {
    let waited = timeout(TIME_LIMIT, receiver).await;
    // The sender is dropped if events were missed, or if the server stops.
    waited
        .ok()
        .and_then(Result::ok)
        .ok_or_else(ClusterError::late)
}

/// The key of the value that says that a replica is alive.
fn alive_key(replica: &str) -> String {
    format!("replica-{replica}")
}

/// The log of the letters to a replica.
fn inbox(replica: &str) -> String {
    format!("cluster-{replica}")
}

/// Returns `true` if a text can be the id of a replica.
fn is_replica(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 16 && text.bytes().all(is_digit)
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
}
