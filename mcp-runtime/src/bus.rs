//! Changes of the server, told to everybody who listens.
//!
//! It knows neither clients nor the wire: what a listener makes of a change is its own business.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::sync::Mutex;
use crate::uri_template::Uri;

/// What changed.
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
}

/// Whoever wants to know of changes.
pub(crate) trait Listener: Send + Sync {
    /// Hears of one change. It must be quick: others wait.
    fn hear(&self, change: &Change);
}

/// Tells listeners of changes, each one in the same order.
pub(crate) struct Bus {
    /// In the order in which they came.
    listeners: Mutex<BTreeMap<u64, Arc<dyn Listener>>>,
    most: usize,
    closed: watch::Sender<bool>,
}

impl Bus {
    /// A bus with room for so many listeners.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            listeners: Mutex::default(),
            most,
            closed: watch::Sender::new(false),
        }
    }

    /// Lets a listener hear all changes from now on. `begin` runs before the first of them; `None` if there is no room.
    pub(crate) fn listen(
        self: &Arc<Self>,
        listener: Arc<dyn Listener>,
        begin: impl FnOnce(),
    ) -> Option<ListenerGuard> {
        let mut listeners = self.listeners.lock();
        if listeners.len() >= self.most {
            return None;
        }
        begin();
        let last = listeners.last_key_value();
        let number = last.map_or(0, |(number, _)| number + 1);
        listeners.insert(number, listener);
        Some(ListenerGuard {
            bus: Arc::clone(self),
            number,
        })
    }

    /// Tells everybody of a change.
    pub(crate) fn tell(&self, change: &Change) {
        // Told under the lock: in one order for all, and never after an ear was dropped.
        for listener in self.listeners.lock().values() {
            listener.hear(change);
        }
    }

    /// Says that the server ends: nobody needs to listen any longer.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }
}

/// Tells clients what changed: those that listen for it (2026-07-28), and those that have a session or subscribed to
/// the resource (older revisions).
///
/// [`ServerHandle::add`](crate::ServerHandle::add) and its siblings tell of the lists that they change by themselves.
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
    /// The list of tools changed.
    pub fn tools_changed(&self) {
        self.0.tell(&Change::Tools);
    }

    /// The list of prompts changed.
    pub fn prompts_changed(&self) {
        self.0.tell(&Change::Prompts);
    }

    /// The list of resources, or of resource templates, changed.
    pub fn resources_changed(&self) {
        self.0.tell(&Change::Resources);
    }

    /// The contents of the resource with this URI changed. Who listens for an equivalent URI hears of it too: the case of
    /// scheme and host, needless percent-encoding and dot segments make no difference.
    pub fn resource_updated(&self, uri: impl Into<String>) {
        self.0.tell(&Change::Resource(Uri::new(uri)));
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Notifier").finish_non_exhaustive()
    }
}

/// A listener's place. When this is dropped the listener hears nothing more.
pub(crate) struct ListenerGuard {
    bus: Arc<Bus>,
    number: u64,
}

impl ListenerGuard {
    /// Ready when the server ends.
    pub(crate) async fn closed(&self) {
        // It fails only when the bus is gone, which this ear keeps alive.
        let _ = self.bus.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        // Dropped outside of the lock: it may take others with it.
        let listener = self.bus.listeners.lock().remove(&self.number);
        drop(listener);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Diary(Mutex<Vec<Change>>);

    impl Listener for Diary {
        fn hear(&self, change: &Change) {
            self.0.lock().push(change.clone());
        }
    }

    #[test]
    fn a_listener_hears_what_happens_while_it_listens() {
        let bus = Arc::new(Bus::new(1));
        let diary = Arc::new(Diary::default());
        bus.tell(&Change::Tools);
        let begin = || diary.hear(&Change::Prompts);
        let ear = bus.listen(diary.clone(), begin).expect("there is room");
        assert!(bus.listen(diary.clone(), || ()).is_none(), "one at most");
        bus.tell(&Change::Resources);
        drop(ear);
        bus.tell(&Change::Tools);
        let heard = diary.0.lock();
        assert_eq!(*heard, [Change::Prompts, Change::Resources]);
    }
}
