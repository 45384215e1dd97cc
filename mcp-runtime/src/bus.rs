//! A broadcast of the server's changes to all listeners.
//!
//! It is independent of clients and of the wire format: each listener decides what to send.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::mount::{Mount, Mounted};
use crate::owner::Owner;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::uri_template::Uri;

/// A change of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources, or of templates.
    Resources,
    /// The contents of the resource with this URI.
    Resource(Uri),
    /// The list of this other change, because these components were added or removed.
    Components(Box<Self>, Vec<ChangedComponent>),
    /// The state of a task. `members` are those of its JSON object. A later state has a higher version.
    Task {
        id: Arc<str>,
        version: u64,
        members: Arc<str>,
        /// The caller whose sessions are told the state, if it is a task of a session.
        of_session: Option<Arc<str>>,
    },
}

/// The changes of all lists.
pub(crate) const LISTS: [Change; 3] = [Change::Tools, Change::Prompts, Change::Resources];

impl Change {
    /// Returns the change of the server in which another one is mounted, or `None` if its clients see none of the components.
    fn mounted(&self, mount: &Arc<Mount>, transform: &TransformFn) -> Option<Self> {
        Some(match self {
            Self::Tools | Self::Prompts | Self::Resources | Self::Task { .. } => self.clone(),
            Self::Resource(uri) => Self::Resource(Uri::new(mount.uri(uri.written()))),
            Self::Components(list, components) => {
                let is_uri = **list == Self::Resources;
                let components = components.iter().map(|it| it.mounted(mount, is_uri));
                let components = components.filter_map(|it| transform(list, it));
                let components: Vec<_> = components.collect();
                if components.is_empty() {
                    return None;
                }
                Self::Components(list.clone(), components)
            }
        })
    }
}

/// A function that returns the change of a list as the clients of a server see it.
pub(crate) type TransformFn =
    dyn Fn(&Change, ChangedComponent) -> Option<ChangedComponent> + Send + Sync;

/// The server in which another one is mounted.
struct Outer {
    mount: Arc<Mount>,
    bus: Arc<Bus>,
    transform: Box<TransformFn>,
}

/// A component that was added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedComponent {
    /// The name of a tool or prompt, and the URI or URI template of a resource.
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    /// The OAuth scopes without which the component is hidden.
    pub(crate) hiding_scopes: Vec<String>,
    /// The origin of a component of a mounted server.
    pub(crate) mounted: Option<Mounted>,
}

impl ChangedComponent {
    fn mounted(&self, mount: &Arc<Mount>, is_uri: bool) -> Self {
        Self {
            name: if is_uri {
                mount.uri(&self.name)
            } else {
                mount.name(&self.name)
            },
            mounted: Some(Mounted::new(mount, &self.name, self.mounted.as_ref())),
            ..self.clone()
        }
    }
}

/// A listener for changes.
pub(crate) trait Listener: Send + Sync {
    /// Handles one change. It must not block, because other listeners wait.
    fn on_change(&self, change: &Change);

    /// Handles the end of a connection, or of the server (`None`).
    fn on_end(&self, connection: Option<u64>);

    /// Handles that the contents of any resource may have changed.
    fn on_missed_updates(&self) {}

    /// Returns `true` if it wants to know the states of a task.
    fn wants_task(&self, id: &str) -> bool {
        let _ = id;
        false
    }
}

/// A function that tells a change to all replicas of the server. This one receives it, too, by [`Bus::deliver`].
pub(crate) type ShareFn = dyn Fn(&Change) + Send + Sync;

/// A broadcast of changes, in the same order for all listeners.
pub(crate) struct Bus {
    /// The listeners, in the order of their registration.
    listeners: Mutex<Listeners>,
    limits: ListenerLimits,
    /// The number of changes so far.
    changes: AtomicU64,
    /// The bus of the server in which this one is mounted. It receives all changes, too.
    outer: OnceLock<Outer>,
    /// Tells changes to the replicas of the server, if there are any.
    share: OnceLock<Box<ShareFn>>,
}

/// The maximum numbers of listeners.
#[derive(Debug, Clone, Copy)]
struct ListenerLimits {
    all: usize,
    /// Those of one account, unless it is local.
    account: usize,
    /// Those of one owner, unless it is local.
    owner: usize,
}

/// The part of all listeners that one account can have is one over this number.
const SHARES: usize = 4;

/// The maximum number of listeners of one owner.
const MAX_OF_OWNER: usize = 32;

/// The caller behind a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerOwner {
    /// The principal, or else the session, or else the address.
    pub(crate) owner: Owner,
    /// The principal, or else the address.
    pub(crate) account: Owner,
}

impl ListenerOwner {
    /// The owner of the listeners of a server's own process.
    pub(crate) const LOCAL: Self = Self {
        owner: Owner::Local,
        account: Owner::Local,
    };
}

/// The reason why a listener is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenRefusal {
    Stopping,
    /// The server has this maximum of listeners.
    Full(usize),
    /// The caller has this maximum of listeners.
    ShareUsed(usize),
}

#[derive(Default)]
struct Listeners {
    all: BTreeMap<u64, (ListenerOwner, Arc<dyn Listener>)>,
    /// `true` if the server stops.
    closed: bool,
}

impl Bus {
    /// Returns a bus for at most `limit` listeners.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            listeners: Mutex::default(),
            limits: ListenerLimits {
                all: limit,
                account: limit.div_ceil(SHARES),
                owner: MAX_OF_OWNER,
            },
            changes: AtomicU64::new(0),
            outer: OnceLock::new(),
            share: OnceLock::new(),
        }
    }

    /// Tells all later changes to the replicas of the server. Listeners receive them in the order in which they come back.
    pub(crate) fn share(&self, share: Box<ShareFn>) {
        // A server starts once.
        let _ = self.share.set(share);
    }

    /// Sends all later changes to the bus of the server in which this one is mounted, too.
    pub(crate) fn relay(&self, mount: Arc<Mount>, bus: Arc<Self>, transform: Box<TransformFn>) {
        let outer = Outer {
            mount,
            bus,
            transform,
        };
        // A server is mounted once.
        let _ = self.outer.set(outer);
    }

    /// Registers a listener for all later changes. `begin` runs before the first of them.
    ///
    /// # Errors
    /// Returns an error if a limit of listeners is reached, or if the server stops.
    pub(crate) fn listen(
        self: &Arc<Self>,
        owner: ListenerOwner,
        listener: Arc<dyn Listener>,
        begin: impl FnOnce(),
    ) -> Result<ListenerGuard, ListenRefusal> {
        let mut listeners = self.listeners.lock();
        listeners.check(&owner, self.limits)?;
        begin();
        let last = listeners.all.last_key_value();
        let number = last.map_or(0, |(number, _)| number + 1);
        listeners.all.insert(number, (owner, listener));
        Ok(ListenerGuard {
            bus: Arc::clone(self),
            number,
        })
    }

    /// Returns the number of listeners.
    #[cfg(feature = "metrics")]
    pub(crate) fn listeners(&self) -> usize {
        self.listeners.lock().all.len()
    }

    /// Sends a change to all listeners, of all replicas if there are any.
    pub(crate) fn tell(&self, change: &Change) {
        match self.share.get() {
            Some(share) => {
                self.count();
                share(change);
            }
            None => self.deliver(change),
        }
    }

    /// Sends a change to the listeners of this process.
    pub(crate) fn deliver(&self, change: &Change) {
        self.count();
        // The lock is held, so that all listeners see one order and none is called after its guard was dropped.
        let listeners = self.listeners.lock();
        for (_, listener) in listeners.all.values() {
            listener.on_change(change);
        }
        if let Some(outer) = self.outer.get()
            && let Some(change) = change.mounted(&outer.mount, &outer.transform)
        {
            outer.bus.tell(&change);
        }
    }

    /// Sends that any list and any resource may have changed to the listeners of this process.
    pub(crate) fn deliver_anything(&self) {
        for list in &LISTS {
            self.deliver(list);
        }
        let listeners = self.listeners.lock();
        for (_, listener) in listeners.all.values() {
            listener.on_missed_updates();
        }
    }

    /// Sends a change of what only listeners know to them, and to the replicas. It does not count: no list or resource has changed.
    pub(crate) fn announce(&self, change: &Change) {
        self.deliver_state(change);
        if let Some(share) = self.share.get() {
            share(change);
        }
    }

    /// Sends a change of what only listeners know to those of this process.
    pub(crate) fn deliver_state(&self, change: &Change) {
        let listeners = self.listeners.lock();
        for (_, listener) in listeners.all.values() {
            listener.on_change(change);
        }
    }

    /// Returns `true` if a listener of this process wants to know the states of a task.
    pub(crate) fn wants_task(&self, id: &str) -> bool {
        let listeners = self.listeners.lock();
        let mut all = listeners.all.values();
        all.any(|(_, listener)| listener.wants_task(id))
    }

    /// Counts a change that no listener receives.
    pub(crate) fn count(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns the number of changes so far. It is counted before the listeners receive the change.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Signals to the listeners that a connection ends, or that the server stops (`None`). Then no listener is accepted any
    /// more.
    pub(crate) fn close(&self, connection: Option<u64>) {
        let mut listeners = self.listeners.lock();
        listeners.closed |= connection.is_none();
        for (_, listener) in listeners.all.values() {
            listener.on_end(connection);
        }
    }
}

impl Listeners {
    /// Returns an error if a further listener of an owner exceeds a limit.
    fn check(&self, new: &ListenerOwner, limits: ListenerLimits) -> Result<(), ListenRefusal> {
        if self.closed {
            return Err(ListenRefusal::Stopping);
        }
        if self.all.len() >= limits.all {
            return Err(ListenRefusal::Full(limits.all));
        }
        if new.account == Owner::Local {
            return Ok(());
        }
        let count = |is_same: fn(&ListenerOwner, &ListenerOwner) -> bool| {
            let owners = self.all.values().map(|(owner, _)| owner);
            owners.filter(|other| is_same(other, new)).count()
        };
        for (used, limit) in [
            (count(|one, other| one.owner == other.owner), limits.owner),
            (
                count(|one, other| one.account == other.account),
                limits.account,
            ),
        ] {
            if used >= limit {
                return Err(ListenRefusal::ShareUsed(limit));
            }
        }
        Ok(())
    }
}

/// A notifier for clients: it reports changes of lists and resources.
///
/// Clients of 2026-07-28 receive the changes that they listen for. Clients of older revisions receive changes of lists in
/// every session, and changes of the resources that they subscribed to.
///
/// [`ServerHandle::add`](crate::ServerHandle::add) and its siblings notify clients of changed lists themselves.
/// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions>.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Append a line to the log.
/// #[tool]
/// async fn append(line: String, context: Context) {
///     // ...
///     context.notify().resource_updated("log://today");
/// }
/// ```
#[derive(Clone)]
pub struct Notifier(pub(crate) Arc<Bus>);

impl Notifier {
    /// Notifies clients that the list of tools changed.
    pub fn tools_changed(&self) {
        self.0.tell(&Change::Tools);
    }

    /// Notifies clients that the list of prompts changed.
    pub fn prompts_changed(&self) {
        self.0.tell(&Change::Prompts);
    }

    /// Notifies clients that the list of resources or resource templates changed.
    pub fn resources_changed(&self) {
        self.0.tell(&Change::Resources);
    }

    /// Notifies clients that the contents of the resource with this URI changed.
    ///
    /// Clients that listen for an equivalent URI are notified too: URIs are equivalent if they differ only in the case of
    /// scheme and host, in unnecessary percent-encoding, or in dot segments.
    pub fn resource_updated(&self, uri: impl Into<String>) {
        self.0.tell(&Change::Resource(Uri::new(uri)));
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Notifier").finish_non_exhaustive()
    }
}

/// The registration of a listener. Dropping it removes the listener.
pub(crate) struct ListenerGuard {
    bus: Arc<Bus>,
    number: u64,
}

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        // The listener is dropped after the lock is released, because its destructor may drop other guards.
        let listener = self.bus.listeners.lock().all.remove(&self.number);
        drop(listener);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Change>>);

    impl Listener for Recorder {
        fn on_change(&self, change: &Change) {
            self.0.lock().push(change.clone());
        }

        fn on_end(&self, _: Option<u64>) {}
    }

    fn owner(owner: Owner, account: Owner) -> ListenerOwner {
        ListenerOwner { owner, account }
    }

    #[test]
    fn an_owner_and_an_account_have_shares_of_the_listeners() {
        let bus = Arc::new(Bus::new(400));
        let recorder = Arc::new(Recorder::default());
        let [one, other] = [1, 2].map(|number| Owner::Peer([192, 0, 2, number].into()));
        let listen = |owner: ListenerOwner, times: usize| {
            let listened = (0..times).map(|_| bus.listen(owner.clone(), recorder.clone(), || ()));
            listened.filter_map(Result::ok).collect::<Vec<_>>()
        };
        let of_owner = listen(owner(one.clone(), one.clone()), 100);
        assert_eq!(of_owner.len(), 32);
        let mut sessions = Vec::new();
        for number in 0..100 {
            let session = Owner::Session([number; 16]);
            sessions.extend(listen(owner(session, one.clone()), 2));
        }
        assert_eq!(of_owner.len() + sessions.len(), 100, "a quarter of all");
        assert_eq!(listen(owner(other.clone(), other), 1).len(), 1);
        assert_eq!(listen(ListenerOwner::LOCAL, 400).len(), 300);
        drop(of_owner);
        assert_eq!(listen(owner(one.clone(), one), 1).len(), 1);
    }

    #[test]
    fn a_listener_hears_what_happens_while_it_listens() {
        let bus = Arc::new(Bus::new(1));
        let recorder = Arc::new(Recorder::default());
        bus.tell(&Change::Tools);
        let begin = || recorder.on_change(&Change::Prompts);
        let guard = bus
            .listen(ListenerOwner::LOCAL, recorder.clone(), begin)
            .expect("below the limit");
        let more = bus.listen(ListenerOwner::LOCAL, recorder.clone(), || ());
        assert_eq!(more.err(), Some(ListenRefusal::Full(1)));
        bus.tell(&Change::Resources);
        drop(guard);
        bus.tell(&Change::Tools);
        let changes = recorder.0.lock();
        assert_eq!(*changes, [Change::Prompts, Change::Resources]);
    }
}
