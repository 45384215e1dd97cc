//! The counters, behind one lock: a request takes it once, when it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use super::series::{OTHER, Series};
use crate::sync::{Mutex, MutexGuard};

/// The upper bounds of the buckets of durations, in seconds.
pub(super) const BOUNDS: [f64; 17] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0,
    300.0,
];

/// The maximum number of pairs of a method and a component. Components of a server that adds and removes them without end
/// are counted together beyond that.
const MAX_PAIRS: usize = 10_000;

#[derive(Default)]
pub(super) struct Counters(Mutex<Counts>);

/// The counts of a server.
#[derive(Default)]
pub(super) struct Counts {
    /// The requests by method and component.
    pub(super) requests: BTreeMap<(String, String), Requests>,
    pub(super) refusals: BTreeMap<&'static str, u64>,
    /// The open connections by transport.
    pub(super) connections: BTreeMap<&'static str, i64>,
    pub(super) sessions: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// The requests of one method and component.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) outcomes: BTreeMap<String, u64>,
    /// The number of requests in each bucket; the last one has no upper bound.
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    pub(super) seconds: f64,
}

impl Requests {
    fn count(&mut self, outcome: &str, seconds: f64) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket] += 1;
        self.seconds += seconds;
    }
}

impl Counters {
    pub(super) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock()
    }

    pub(super) fn request(
        &self,
        series: &Series<'_>,
        duration: Duration,
        bytes: [usize; 2],
        opened: bool,
    ) {
        let mut counts = self.lock();
        counts.sessions += u64::from(opened);
        counts.bytes_in += bytes[0] as u64;
        counts.bytes_out += bytes[1] as u64;
        let mut pair = (series.method.to_owned(), series.component.to_owned());
        if counts.requests.len() >= MAX_PAIRS && !counts.requests.contains_key(&pair) {
            OTHER.clone_into(&mut pair.1);
        }
        let requests = counts.requests.entry(pair).or_default();
        requests.count(series.outcome, duration.as_secs_f64());
    }

    pub(super) fn refused(&self, reason: &'static str) {
        *self.lock().refusals.entry(reason).or_default() += 1;
    }

    /// Changes the number of open connections.
    pub(super) fn connected(&self, transport: &'static str, change: i64) {
        *self.lock().connections.entry(transport).or_default() += change;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_series_is_bounded() {
        let counters = Counters::default();
        for number in 0..2 * MAX_PAIRS {
            let component = number.to_string();
            let series = Series {
                method: "tools/call",
                component: &component,
                outcome: "ok",
            };
            counters.request(&series, Duration::ZERO, [1, 2], false);
        }
        let counts = counters.lock();
        assert_eq!(counts.requests.len(), MAX_PAIRS + 1);
        let others = &counts.requests[&("tools/call".to_owned(), OTHER.to_owned())];
        assert_eq!(others.outcomes["ok"], MAX_PAIRS as u64);
        assert_eq!((counts.bytes_in, counts.bytes_out), (20_000, 40_000));
    }
}
