//! A place for one connection, and the pauses between the attempts to make it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::connection::Connection;
use crate::owner::Principal;
use crate::protocol::capability::ClientCapabilities;
use crate::sync::Mutex;

/// The pause before the second attempt to connect. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a server says about itself.
#[derive(Debug, Default)]
pub(super) struct ServerInfo {
    /// `true` after the reply to a call.
    pub(super) has_answered: AtomicBool,
    pub(super) instructions: Option<String>,
    pub(super) capabilities: Value,
}

impl ServerInfo {
    pub(super) fn has(&self, capability: &str) -> bool {
        self.capabilities
            .get(capability)
            .is_some_and(Value::is_object)
    }

    pub(super) fn subscribes(&self) -> bool {
        self.capabilities["resources"]["subscribe"] == true
    }
}

/// Why an upstream server cannot be used.
#[derive(Debug, Clone)]
pub(super) struct Unavailable(pub(super) String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An open connection, and what its server says about itself.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) connection: Arc<Connection>,
    pub(super) info: Arc<ServerInfo>,
}

impl Opened {
    pub(super) fn new(connection: Arc<Connection>, info: ServerInfo) -> Self {
        let info = Arc::new(info);
        Self { connection, info }
    }
}

/// A place for one connection.
pub(super) struct Slot {
    state: Mutex<SlotState>,
    /// Held while a connection is made.
    pub(super) connecting: tokio::sync::Mutex<()>,
    pub(super) principal: Option<Principal>,
    pub(super) is_of_one_caller: bool,
    pub(super) capabilities: ClientCapabilities,
}

struct SlotState {
    opened: Option<Opened>,
    failures: u32,
    retry_at: Option<Instant>,
    why: String,
    used: Instant,
}

impl Slot {
    pub(super) fn new(
        principal: Option<Principal>,
        is_of_one_caller: bool,
        capabilities: ClientCapabilities,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(SlotState {
                opened: None,
                failures: 0,
                retry_at: None,
                why: String::new(),
                used: Instant::now(),
            }),
            connecting: tokio::sync::Mutex::default(),
            principal,
            is_of_one_caller,
            capabilities,
        })
    }

    /// Returns the open connection, if there is one.
    pub(super) fn open(&self) -> Option<Opened> {
        let mut state = self.state.lock();
        let opened = state.opened.as_ref()?;
        if opened.connection.is_lost() {
            state.forget();
            return None;
        }
        Some(opened.clone())
    }

    /// Notes that a call uses the connection.
    pub(super) fn used(&self) {
        self.state.lock().used = Instant::now();
    }

    /// Returns `true` if no call has used the connection for this time.
    pub(super) fn is_idle(&self, limit: Duration) -> bool {
        self.state.lock().used.elapsed() > limit
    }

    /// Returns the reason why no attempt to connect is made now, if there is one.
    pub(super) fn refused(&self) -> Option<Unavailable> {
        let state = self.state.lock();
        let left = state.retry_at?.checked_duration_since(Instant::now())?;
        Some(Unavailable(format!(
            "{}; the next attempt is in {:.1} s",
            state.why,
            left.as_secs_f64()
        )))
    }

    /// Returns the time of the next attempt to connect.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.state.lock().retry_at
    }

    pub(super) fn opened(&self, opened: Opened) {
        let mut state = self.state.lock();
        state.opened = Some(opened);
        state.used = Instant::now();
        state.why.clear();
        // Not reset at once: a server that ends right after its start is started at growing intervals, too.
        state.retry_at = Some(Instant::now() + pause(state.failures));
        state.failures = state.failures.saturating_add(1);
    }

    pub(super) fn failed(&self, why: &str) {
        let mut state = self.state.lock();
        state.retry_at = Some(Instant::now() + pause(state.failures));
        state.failures = state.failures.saturating_add(1);
        why.clone_into(&mut state.why);
    }

    /// Forgets earlier failures, because the server works.
    pub(super) fn works(&self) {
        let mut state = self.state.lock();
        state.failures = 0;
        state.retry_at = None;
    }

    /// Forgets the connection if it is lost. An earlier one may end after the present one was made.
    pub(super) fn lost(&self, why: &str) {
        let mut state = self.state.lock();
        let opened = state.opened.as_ref();
        if opened.is_some_and(|opened| !opened.connection.is_lost()) {
            return;
        }
        state.forget();
        why.clone_into(&mut state.why);
    }
}

impl SlotState {
    /// Forgets a connection that is lost, and earlier failures if it has worked.
    fn forget(&mut self) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        if opened.info.has_answered.load(Ordering::Relaxed) {
            self.failures = 0;
            self.retry_at = None;
        }
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(9))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::BoxFuture;
    use crate::upstream::connection::Watch;
    use crate::upstream::transport::{Outgoing, Sending, Transport};

    struct Silent;

    impl Transport for Silent {
        fn send(&self, _: Outgoing<'_>) -> Sending {
            Sending::Done(Ok(()))
        }

        fn close(&self) -> BoxFuture<()> {
            Box::pin(async {})
        }
    }

    impl Watch for Silent {
        fn notified(&self, _: &str, _: &str) {}

        fn lost(&self, _: &str) {}
    }

    #[test]
    fn the_late_end_of_an_earlier_connection_does_not_forget_the_present_one() {
        let slot = Slot::new(None, false, ClientCapabilities::default());
        let open = |_| Ok(Arc::new(Silent) as Arc<dyn Transport>);
        let connection = Connection::new(Arc::new(Silent), false, open).unwrap();
        slot.opened(Opened::new(Arc::clone(&connection), ServerInfo::default()));
        slot.lost("an earlier process has ended");
        assert!(slot.open().is_some());
        connection.expire("it has ended");
        slot.lost("it has ended");
        assert!(slot.open().is_none());
    }
}
