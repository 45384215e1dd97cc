//! A broadcast of the server's changes to all listeners.
//!
//! It is independent of clients and of the wire format: each listener decides what to send.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::Mutex;
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
}

/// A component that was added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedComponent {
    /// The name of a tool or prompt, and the URI or URI template of a resource.
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
}

/// A listener for changes.
pub(crate) trait Listener: Send + Sync {
    /// Handles one change. It must not block, because other listeners wait.
    fn on_change(&self, change: &Change);

    /// Handles the end of a connection, or of the server (`None`).
    fn on_end(&self, connection: Option<u64>);
}

/// A broadcast of changes, in the same order for all listeners.
pub(crate) struct Bus {
    /// The listeners, in the order of their registration.
    listeners: Mutex<Listeners>,
    limit: usize,
    /// The number of changes so far.
    changes: AtomicU64,
}

#[derive(Default)]
struct Listeners {
    all: BTreeMap<u64, Arc<dyn Listener>>,
    /// `true` if the server stops.
    closed: bool,
}

impl Bus {
    /// Returns a bus for at most `limit` listeners.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            listeners: Mutex::default(),
            limit,
            changes: AtomicU64::new(0),
        }
    }

    /// Registers a listener for all later changes. `begin` runs before the first of them. Returns `None` if the limit of
    /// listeners is reached, or if the server stops.
    pub(crate) fn listen(
        self: &Arc<Self>,
        listener: Arc<dyn Listener>,
        begin: impl FnOnce(),
    ) -> Option<ListenerGuard> {
        let mut listeners = self.listeners.lock();
        if listeners.closed || listeners.all.len() >= self.limit {
            return None;
        }
        begin();
        let last = listeners.all.last_key_value();
        let number = last.map_or(0, |(number, _)| number + 1);
        listeners.all.insert(number, listener);
        Some(ListenerGuard {
            bus: Arc::clone(self),
            number,
        })
    }

    /// Returns the number of listeners.
    #[cfg(feature = "metrics")]
    pub(crate) fn listeners(&self) -> usize {
        self.listeners.lock().all.len()
    }

    /// Sends a change to all listeners.
    pub(crate) fn tell(&self, change: &Change) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        // The lock is held, so that all listeners see one order and none is called after its guard was dropped.
        for listener in self.listeners.lock().all.values() {
            listener.on_change(change);
        }
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
        for listener in listeners.all.values() {
            listener.on_end(connection);
        }
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

    #[test]
    fn a_listener_hears_what_happens_while_it_listens() {
        let bus = Arc::new(Bus::new(1));
        let recorder = Arc::new(Recorder::default());
        bus.tell(&Change::Tools);
        let begin = || recorder.on_change(&Change::Prompts);
        let guard = bus
            .listen(recorder.clone(), begin)
            .expect("below the limit");
        assert!(bus.listen(recorder.clone(), || ()).is_none(), "one at most");
        bus.tell(&Change::Resources);
        drop(guard);
        bus.tell(&Change::Tools);
        let changes = recorder.0.lock();
        assert_eq!(*changes, [Change::Prompts, Change::Resources]);
    }
}
