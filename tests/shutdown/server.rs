//! A server whose calls and lifespan take as long as the environment says, for tests of shutdowns and proxies.
//!
//! All variables are in milliseconds: `GRACE`, `EVENT_STREAM_AFTER` and `KEEP_ALIVE` are limits, and `START` and `STOP` are the
//! times that the lifespan takes. During `START_BLOCKED` it blocks its thread.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

mod stopping;

use stopping::{Probe, server};

fn milliseconds(name: &str) -> Option<Duration> {
    let value = std::env::var(name).ok()?;
    value.parse().ok().map(Duration::from_millis)
}

fn main() -> ExitCode {
    let mut limits = mcp_runtime::Limits::default();
    for (name, limit) in [
        ("GRACE", &mut limits.shutdown_grace),
        ("EVENT_STREAM_AFTER", &mut limits.event_stream_after),
        ("KEEP_ALIVE", &mut limits.keep_alive),
    ] {
        *limit = milliseconds(name).unwrap_or(*limit);
    }
    let probe = Arc::new(Probe::default());
    let server = server(&probe).limits(limits).lifespan(
        || async {
            eprintln!("starting");
            std::thread::sleep(milliseconds("START_BLOCKED").unwrap_or_default());
            tokio::time::sleep(milliseconds("START").unwrap_or_default()).await;
            Ok::<_, std::io::Error>(())
        },
        |_: Arc<()>| async {
            eprintln!("stopping");
            tokio::time::sleep(milliseconds("STOP").unwrap_or_default()).await;
        },
    );
    server.run()
}
