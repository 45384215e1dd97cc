//! An upstream server in use: its connections, and what is known of its lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::link::{Link, LinkEvents};
use super::list::{Host, List, Listed};
use super::options::Options;
use super::parked::Parked;
use super::review::{Refused, Review};
use super::slot::ServerInfo;
use crate::sync::Mutex;

/// The number of resources of one server whose changes are followed.
const MAX_WATCHED: usize = 1000;
/// The time for which the result of a call waits for the lists that the server has told to have changed.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// An upstream server in use.
pub(crate) struct Proxy {
    pub(super) link: Link,
    pub(super) parked: Arc<Parked>,
    pub(super) listed: Mutex<Listed>,
    review: OnceLock<Review>,
    /// The definitions that the lock file does not accept, by list and name.
    pub(super) withheld: Mutex<BTreeMap<List, BTreeMap<String, Refused>>>,
    /// The reason why the instructions are not passed on.
    pub(super) uninstructed: Mutex<Option<Refused>>,
    /// The lists that have changed at the server.
    pub(super) dirty: Mutex<BTreeSet<List>>,
    /// The lists of which the server has told a change. Of two with one notification, it is the first.
    pub(super) told: Mutex<BTreeSet<List>>,
    pub(super) changed: Notify,
    /// `false` while the server has told a change of a list that is not read yet.
    pub(super) current: watch::Sender<bool>,
    /// `true` after the first attempt to read the lists.
    pub(super) ready: watch::Sender<bool>,
    pub(super) watched: Mutex<Watched>,
    pub(super) host: Mutex<Option<Arc<dyn Host>>>,
    /// What the server says about itself, after the first connection.
    pub(super) introduced: Mutex<Option<Arc<ServerInfo>>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// The resources whose changes clients want to know, in the order in which they were first wanted.
#[derive(Default)]
pub(super) struct Watched(Vec<String>);

impl Watched {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.clone()
    }
}

/// Passes the messages of connections to a proxy, without keeping it alive.
struct Events(OnceLock<Weak<Proxy>>);

impl LinkEvents for Events {
    fn notified(&self, method: &str, params: &str) {
        if let Some(proxy) = self.0.get().and_then(Weak::upgrade) {
            proxy.notified(method, params);
        }
    }

    fn lost(&self) {
        if let Some(proxy) = self.0.get().and_then(Weak::upgrade) {
            proxy.changed.notify_one();
        }
    }
}

impl Proxy {
    pub(super) fn new(options: Options) -> Arc<Self> {
        let events = Arc::new(Events(OnceLock::new()));
        let proxy = Arc::new(Self {
            link: Link::new(options, Arc::clone(&events) as Arc<dyn LinkEvents>),
            parked: Arc::default(),
            listed: Mutex::default(),
            review: OnceLock::new(),
            withheld: Mutex::default(),
            uninstructed: Mutex::default(),
            dirty: Mutex::default(),
            told: Mutex::default(),
            changed: Notify::new(),
            current: watch::Sender::new(true),
            ready: watch::Sender::new(false),
            watched: Mutex::default(),
            host: Mutex::default(),
            introduced: Mutex::default(),
            tasks: Mutex::default(),
        });
        let _ = events.0.set(Arc::downgrade(&proxy));
        proxy
    }

    pub(super) fn review(&self) -> &Review {
        self.review.get().unwrap_or(&Review::None)
    }

    fn notified(&self, method: &str, params: &str) {
        match method {
            "notifications/tools/list_changed" => self.list_changed(&[List::Tools]),
            "notifications/prompts/list_changed" => self.list_changed(&[List::Prompts]),
            "notifications/resources/list_changed" => {
                self.list_changed(&[List::Resources, List::Templates]);
            }
            "notifications/resources/updated" => {
                let params: Value = serde_json::from_str(params).unwrap_or_default();
                let host = self.host.lock().clone();
                if let (Some(host), Some(uri)) = (host, params["uri"].as_str()) {
                    host.updated(uri);
                }
            }
            _ => {}
        }
    }

    fn list_changed(&self, lists: &[List]) {
        self.told.lock().extend(lists.first());
        {
            let mut dirty = self.dirty.lock();
            dirty.extend(lists.iter().copied());
            self.current.send_replace(false);
        }
        self.changed.notify_one();
    }

    /// Waits until the lists are read that the server has told to have changed: a client that has the result of a call finds
    /// what the call has added.
    pub(super) async fn is_current(&self) {
        if !*self.current.borrow() {
            let mut current = self.current.subscribe();
            let current = current.wait_for(|is_current| *is_current);
            // Boxed, so that calls that need not wait are small.
            let _ = Box::pin(tokio::time::timeout(CHANGE_LIMIT, current)).await;
        }
    }

    /// Adds the components to a host, and keeps them up to date until [`Self::stop`]. Returns after the first attempt to list them,
    /// or after the time limit.
    pub(crate) async fn start(self: &Arc<Self>, host: Arc<dyn Host>, review: Review) {
        #[cfg(feature = "cli")]
        if let Some(record) = review.record() {
            record.begin(&self.link.options.name);
        }
        // An upstream server starts once.
        let _ = self.review.set(review);
        *self.host.lock() = Some(Arc::clone(&host));
        if let Some(held) = self.review().held() {
            let (this, held) = (Arc::clone(self), Arc::clone(held));
            self.spawn(this.follow_lock_file(held, Arc::clone(&host)));
        }
        self.spawn(Arc::clone(self).maintain(host));
        let mut ready = self.ready.subscribe();
        let limit = self.link.options.start_timeout;
        let waited = tokio::time::timeout(limit, ready.wait_for(|is_ready| *is_ready)).await;
        if waited.is_err() {
            let upstream = &self.link.options.name;
            tracing::warn!(
                upstream,
                "it is not available after {limit:?}: this server starts without its components"
            );
        }
    }

    /// Runs a task until [`Self::stop`].
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task);
        self.tasks.lock().push(task.abort_handle());
    }

    /// Ends all connections.
    pub(crate) async fn stop(&self) {
        for task in std::mem::take(&mut *self.tasks.lock()) {
            task.abort();
        }
        // The components of the host keep this proxy.
        self.host.lock().take();
        self.link.close().await;
    }

    /// Follows the changes of a resource.
    pub(crate) fn watch(&self, uri: &str) {
        let mut watched = self.watched.lock();
        if watched.0.len() < MAX_WATCHED && !watched.0.iter().any(|known| known == uri) {
            watched.0.push(uri.to_owned());
            drop(watched);
            self.changed.notify_one();
        }
    }
}
