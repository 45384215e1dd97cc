//! A server with calls of any length, and with a lifespan that records whether calls run when it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;

/// The observations of a server.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The number of calls that run.
    pub(crate) running: AtomicUsize,
    /// The number of stops of the lifespan.
    pub(crate) stops: AtomicUsize,
    /// The largest number of calls that ran during a stop.
    pub(crate) running_at_stop: AtomicUsize,
}

/// A running call.
struct Running(Arc<Probe>);

impl Running {
    fn new(probe: &Arc<Probe>) -> Self {
        probe.running.fetch_add(1, Ordering::SeqCst);
        eprintln!("running");
        Self(Arc::clone(probe))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answer after some time.
#[tool]
async fn wait(milliseconds: u32, probe: State<Arc<Probe>>) -> &'static str {
    let _running = Running::new(&probe);
    tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
    "waited"
}

/// Answer after some time, on a thread that cannot be interrupted.
#[tool]
fn sleep(milliseconds: u32, probe: State<Arc<Probe>>) -> &'static str {
    let _running = Running::new(&probe);
    std::thread::sleep(Duration::from_millis(milliseconds.into()));
    "slept"
}

/// Block the thread that polls it, as an async function must not.
#[tool]
async fn block(milliseconds: u32, probe: State<Arc<Probe>>) -> &'static str {
    let _running = Running::new(&probe);
    std::thread::sleep(Duration::from_millis(milliseconds.into()));
    "blocked"
}

/// Returns a server that records into this probe.
pub(crate) fn server(probe: &Arc<Probe>) -> Server {
    let stopped = Arc::clone(probe);
    Server::new("stopping", "1")
        .with(components![wait, sleep, block])
        .state(Arc::clone(probe))
        .lifespan(
            || async { Ok::<_, std::io::Error>(0_u8) },
            |_| async move {
                let running = stopped.running.load(Ordering::SeqCst);
                eprintln!("the state ends beside {running} calls");
                stopped.running_at_stop.fetch_max(running, Ordering::SeqCst);
                stopped.stops.fetch_add(1, Ordering::SeqCst);
            },
        )
}
