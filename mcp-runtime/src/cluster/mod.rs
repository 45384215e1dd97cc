//! What the replicas of a server share, in a [`Store`]: a log of events, which all of them read in the same order, letters to one of
//! them, and the settings of sessions.
//!
//! It knows neither clients nor components: a [`Member`] is the part of a replica that does.

mod alive;
mod contained;
mod effect;
mod error;
mod event;
mod follow;
mod keys;
#[cfg(feature = "http")]
mod messages;
mod outbox;
#[cfg(feature = "http")]
mod past;
mod progress;
#[cfg(feature = "auth")]
mod revoked;
mod sessions;
mod settings;
mod write;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use effect::{Claim, ClaimError, EffectLease, SharedEffect};
pub(crate) use error::ClusterError;
pub(crate) use event::{Component, Event, Letter, List, SessionEvent, SessionKey};
pub(crate) use keys::{KeyRing, KeyRingError, READ_INTERVAL};
pub(crate) use sessions::{Changed, Setting, SharedSession};

use self::contained::contained;
use self::outbox::{Done, Outbox};
use self::progress::Progress;
use crate::seal::{SealError, random_bytes};
use crate::store::Store;
use crate::sync::Mutex;

/// The log of the events.
const LOG: &str = "cluster";

/// The time for which an event is kept. A replica that cannot read the log for longer acts as if anything had changed.
const EVENT_TTL: Duration = Duration::from_secs(5 * 60);

/// The longest time that a request waits until its event is told and read.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The longest time that a replica that stops tells what it has not told yet.
const STOP_TIME: Duration = Duration::from_secs(2);

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

/// What is done when an event of this replica is read: after all earlier events, and before all later ones.
/// It is given the position of the event.
type Action = Box<dyn FnOnce(u64) + Send>;

/// One replica among those that share a store.
pub(crate) struct Cluster {
    store: Arc<dyn Store>,
    /// The id of this replica: 16 hexadecimal digits that no other process has.
    replica: String,
    /// How far this replica has read the log.
    progress: Progress,
    outbox: Mutex<Outbox>,
    /// Notified when there is something in the outbox.
    news: Notify,
    members: Mutex<Vec<Weak<dyn Member>>>,
    /// By the numbers of the events.
    actions: Mutex<BTreeMap<u64, Action>>,
    running: Mutex<Option<Running>>,
    /// The keys that all replicas have, once they are read.
    keys: OnceLock<Arc<KeyRing>>,
}

/// The tasks of a replica.
struct Running {
    writer: JoinHandle<()>,
    others: [JoinHandle<()>; 3],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.writer.abort();
        self.others.iter().for_each(JoinHandle::abort);
    }
}

impl Cluster {
    /// Adds a replica to those that share a store. It reads all later events once it has [started](Self::start).
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached or has no logs, or if the system has no random bytes.
    pub(crate) async fn join(
        store: Arc<dyn Store>,
    ) -> Result<Arc<Self>, Box<dyn Error + Send + Sync>> {
        let begin = store.last_position(LOG).await?;
        let cluster = Self::new(store, begin)?;
        cluster.say_alive().await?;
        Ok(cluster)
    }

    /// Returns a replica that reads the log from a position on.
    pub(crate) fn new(store: Arc<dyn Store>, begin: u64) -> Result<Arc<Self>, SealError> {
        let bytes: [u8; 8] = random_bytes()?;
        Ok(Arc::new(Self {
            progress: Progress::new(begin),
            store,
            replica: format!("{:016x}", u64::from_be_bytes(bytes)),
            outbox: Mutex::default(),
            news: Notify::new(),
            members: Mutex::default(),
            actions: Mutex::default(),
            running: Mutex::default(),
            keys: OnceLock::new(),
        }))
    }

    /// Begins to read and to tell events.
    pub(crate) fn start(self: &Arc<Self>) {
        let (events, letters) = (Arc::clone(self), Arc::clone(self));
        let (writer, alive) = (Arc::clone(self), Arc::clone(self));
        *self.running.lock() = Some(Running {
            writer: tokio::spawn(async move { writer.write().await }),
            others: [
                tokio::spawn(async move { events.follow_events().await }),
                tokio::spawn(async move { letters.follow_letters().await }),
                tokio::spawn(async move { alive.stay_alive().await }),
            ],
        });
    }

    /// Tells what has not been told yet, for a limited time, and ends the tasks of this replica.
    pub(crate) async fn stop(&self) {
        let Some(mut running) = self.running.lock().take() else {
            return;
        };
        self.outbox.lock().is_closed = true;
        self.news.notify_one();
        if timeout(STOP_TIME, &mut running.writer).await.is_err() {
            tracing::warn!(
                "some changes were not told to the other replicas before the server stopped"
            );
        }
        drop(running);
        // The server does not wait for a store that is away.
        let _ = timeout(STOP_TIME, self.say_ended()).await;
    }

    /// Returns the store that all replicas have.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Reads the keys that all replicas have, or makes the first one. `configured` are those of the application.
    ///
    /// # Errors
    /// Returns an error if the keys cannot be read.
    pub(crate) async fn load_keys(
        &self,
        configured: Vec<[u8; 32]>,
    ) -> Result<Arc<KeyRing>, KeyRingError> {
        let keys = Arc::new(KeyRing::load(Arc::clone(&self.store), configured).await?);
        Ok(Arc::clone(self.keys.get_or_init(|| keys)))
    }

    /// Returns the keys that all replicas have, once they are read.
    pub(crate) fn keys(&self) -> Option<&Arc<KeyRing>> {
        self.keys.get()
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
        // The newest first: endpoints refuse the requests of a session that has ended before its calls are cancelled.
        let members: Vec<_> = self
            .members
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        members.into_iter().rev().for_each(call);
    }

    /// Tells an event as soon as the store can be reached, and returns its number.
    pub(crate) fn tell(&self, event: Event) -> u64 {
        let number = self.outbox.lock().push(event, None);
        self.news.notify_one();
        number
    }

    /// Tells an event, and acts when this replica reads it, with its position: after all earlier events, and before all later ones.
    ///
    /// # Errors
    /// Returns an error if the store fails. The event may have been told nevertheless; `act` does not run then.
    pub(crate) async fn in_order<T: Send + 'static>(
        &self,
        event: Event,
        act: impl FnOnce(u64) -> T + Send + 'static,
    ) -> Result<T, ClusterError> {
        let ((done, told), (result, acted)) = (oneshot::channel(), oneshot::channel());
        let action = Box::new(move |position| {
            // The one who waited for it may be gone.
            let _ = result.send(act(position));
        });
        let _registered = self.push(event, done, action);
        wait(told).await??;
        wait(acted).await
    }

    fn push(&self, event: Event, done: Done, action: Action) -> Registered<'_> {
        // Both under one lock: the event must not be read before its action is known.
        let mut actions = self.actions.lock();
        let number = self.outbox.lock().push(event, Some(done));
        actions.insert(number, action);
        drop(actions);
        self.news.notify_one();
        Registered {
            cluster: self,
            number,
        }
    }
}

/// An action that is forgotten when the request that waits for it is dropped.
struct Registered<'c> {
    cluster: &'c Cluster,
    number: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let action = self.cluster.actions.lock().remove(&self.number);
        drop(action);
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

/// The log of the letters to a replica.
fn inbox(replica: &str) -> String {
    format!("cluster-{replica}")
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
}
