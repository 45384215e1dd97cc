//! Another client of the attacked server, which measures how long its calls take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mcp_tests::Outcome;
use mcp_tests::raw_http::{Connection, modern_headers};
use serde_json::json;

use crate::messages::call;

/// The time between two calls.
const INTERVAL: Duration = Duration::from_millis(5);

/// A client that calls a small tool again and again.
pub(crate) struct Bystander {
    stop: Arc<AtomicBool>,
    calls: JoinHandle<Outcome<Vec<Duration>>>,
}

/// The latencies of the client's calls.
pub(crate) struct Latencies {
    pub(crate) median: Duration,
    pub(crate) longest: Duration,
}

impl Bystander {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let calls = std::thread::spawn(move || measure(address, &stopped));
        Self { stop, calls }
    }

    /// Stops the client.
    ///
    /// # Errors
    /// Returns an error if one of its calls was not answered.
    pub(crate) fn stop(self) -> Outcome<Latencies> {
        self.stop.store(true, Ordering::Relaxed);
        let mut latencies = self.calls.join().map_err(|_| "the client panicked")??;
        latencies.sort_unstable();
        let median = latencies.get(latencies.len() / 2).copied();
        Ok(Latencies {
            median: median.ok_or("no calls")?,
            longest: latencies.last().copied().unwrap_or_default(),
        })
    }
}

fn measure(address: SocketAddr, stopped: &AtomicBool) -> Outcome<Vec<Duration>> {
    let mut connection = Connection::open(address)?;
    let headers = modern_headers("tools/call", Some("text"));
    let mut latencies = Vec::new();
    while !stopped.load(Ordering::Relaxed) || latencies.is_empty() {
        let body = call(1, "text", &json!({ "bytes": 10 }), &json!({}));
        let started = Instant::now();
        let answer = connection.ask(&headers, &body)?;
        latencies.push(started.elapsed());
        if answer.status != 200 {
            return Err(format!("a call of another client was answered {}", answer.status).into());
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(latencies)
}
