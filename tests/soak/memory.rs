//! The memory of the servers while they are used: the resident memory without the pages of files.
//!
//! The measured servers have [`ALLOCATOR`]. By default, glibc keeps up to seven freed chunks of each of 64 sizes for each thread, and
//! several arenas. These fill slowly: over millions of requests the resident memory of a server then grows by about 2 MB,
//! although its data do not grow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_tests::server_process::anonymous;

/// The environment variable of a server without the caches and arenas that glibc has for each thread.
pub(crate) const ALLOCATOR: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1",
);

/// The interval between two measurements.
const INTERVAL: Duration = Duration::from_millis(100);
/// The part of the requests after which the memory of a server should not grow any more.
const WARM_UP: f64 = 0.5;
/// The number of parts of the time after the warm-up, of each of which the least memory counts. The memory of a server
/// rises by up to 150 KB and falls again: glibc returns the end of its heap to the system only if nothing at the end is in use.
const PARTS: usize = 10;
/// The growth that is accepted, in bytes per [`UNIT`] requests.
const LIMIT: f64 = 1024.0;
const UNIT: f64 = 100_000.0;
/// The growth in bytes after the warm-up up to which there is none to judge: a few pages of memory more look like growth if there
/// are not many requests.
const PAGES: f64 = 8.0 * 4096.0;
/// The number of requests to a server below which its memory is only reported.
const ENOUGH: u64 = 500_000;

/// The memory of a server process, by the number of requests that it has answered.
pub(crate) struct Series {
    name: &'static str,
    process: u32,
    answered: AtomicU64,
    samples: Mutex<Vec<(f64, f64)>>,
}

/// The servers that are measured.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<Arc<Series>>>);

impl Series {
    /// Counts a reply.
    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Measures the memory, unless the process has ended.
    fn sample(&self) {
        let Ok(bytes) = anonymous(self.process) else {
            return;
        };
        // The numbers are exact below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let sample = (self.answered.load(Ordering::Relaxed) as f64, bytes as f64);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push(sample);
    }

    /// Returns the growth after the warm-up, or `None` without enough measurements.
    fn growth(&self) -> Option<Growth> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, last) = *samples.last()?;
        let begin = end * WARM_UP;
        let steady: Vec<_> = samples
            .iter()
            .filter(|(answered, _)| *answered > begin)
            .collect();
        let parts = steady.chunks(steady.len().div_ceil(PARTS).max(1));
        let minimum = |part: &[&(f64, f64)]| {
            let found = part.iter().min_by(|one, other| one.1.total_cmp(&other.1));
            found.map(|sample| **sample)
        };
        let slope = slope(&parts.filter_map(minimum).collect::<Vec<_>>())?;
        Some(Growth {
            answered: self.answered.load(Ordering::Relaxed),
            per_unit: slope * UNIT,
            bytes: slope * (end - begin),
            last,
        })
    }
}

/// The growth of the memory of a server after the warm-up, by the line that fits the least memory of each part best.
struct Growth {
    answered: u64,
    per_unit: f64,
    bytes: f64,
    /// The last measurement.
    last: f64,
}

impl Growth {
    fn is_too_much(&self) -> bool {
        self.answered >= ENOUGH && self.per_unit >= LIMIT && self.bytes >= PAGES
    }
}

impl Memory {
    /// Begins to measure a process.
    pub(crate) fn watch(&self, name: &'static str, process: u32) -> Arc<Series> {
        let series = Arc::new(Series {
            name,
            process,
            answered: AtomicU64::new(0),
            samples: Mutex::default(),
        });
        self.all().push(Arc::clone(&series));
        series
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Series>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures all processes until `is_done` returns `true`.
    pub(crate) fn measure(&self, is_done: impl Fn() -> bool) {
        while !is_done() {
            let all = self.all().clone();
            for series in &all {
                series.sample();
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// Returns a line for each server, and whether its memory grows too fast.
    pub(crate) fn report(&self) -> Vec<(String, bool)> {
        let all = self.all();
        let lines = all.iter().filter_map(|series| {
            let growth = series.growth()?;
            let line = format!(
                "{}: {:+.0} bytes of memory per 100,000 requests in the second half, {:+.0} bytes in all; {:.2} MB after {} requests",
                series.name, growth.per_unit, growth.bytes, growth.last / 1e6, growth.answered
            );
            Some((line, growth.is_too_much()))
        });
        lines.collect()
    }
}

/// Returns the slope of the line that fits points best.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)] // there are few points
    let count = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (x, y) = (x / count, y / count);
    let products = points.iter().map(|point| (point.0 - x) * (point.1 - y));
    let squares: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (squares > 0.0).then(|| products.sum::<f64>() / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory is measured once for this many requests.
    const STEP: u32 = 10_000;

    fn growth(samples: u32, bytes: impl Fn(u32) -> f64) -> Growth {
        let series = Memory::default().watch("a server", 0);
        let measured = |number| (f64::from(number * STEP), bytes(number));
        *series.samples.lock().unwrap() = (1..=samples).map(measured).collect();
        series
            .answered
            .store(u64::from(samples * STEP), Ordering::Relaxed);
        series.growth().unwrap()
    }

    #[test]
    fn growth_after_the_warm_up_is_too_much_and_growth_before_is_not() {
        let leak = |per_unit: f64| move |number| per_unit / UNIT * f64::from(number * STEP);
        let grown = growth(1000, leak(1100.0));
        assert!((grown.per_unit - 1100.0).abs() < 1.0 && grown.is_too_much());
        assert!(!growth(1000, leak(900.0)).is_too_much());
        let early = growth(1000, |number| f64::from(number.min(400)) * 1e6);
        assert!(!early.is_too_much());
        // What rises and falls again is no growth, and what rises and falls to more each time is.
        let wave = |number: u32| f64::from(number % 50) * 4096.0;
        assert!(!growth(1000, wave).is_too_much());
        assert!(growth(1000, |number| wave(number) + leak(1500.0)(number)).is_too_much());
        // Too few requests, and too few pages.
        assert!(!growth(40, leak(100_000.0)).is_too_much());
        assert!(!growth(60, leak(10_000.0)).is_too_much());
        assert!(growth(60, leak(20_000.0)).is_too_much());
    }
}
