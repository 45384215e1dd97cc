//! The progress and the log messages of a server, as they are sent to the client of a call.

use std::sync::Arc;

use serde_json::Value;

use crate::call::CallContext;
use crate::protocol::LogLevel;
use crate::sync::Mutex;

/// The size of the log messages that are kept for a client that has not repeated its call yet, in bytes.
const MAX_KEPT: usize = 256 << 10;

/// Sends progress and log messages of the server to the client of a call.
///
/// A call of a modern client ends with a question, while the call at a server with a session goes on. What the server reports
/// until the client repeats its call with the answer is kept, and sent to the repeated call: the newest progress, because it
/// replaces earlier progress, and log messages up to [`MAX_KEPT`].
pub(super) struct Notices(Mutex<State>);

struct State {
    call: Arc<CallContext>,
    progress: Option<Progress>,
    logs: Vec<Log>,
    /// The size of `logs`.
    kept: usize,
    /// The number of log messages that were not kept, and the highest of their levels.
    left_out: Option<(u64, LogLevel)>,
}

/// A report of progress.
pub(super) struct Progress {
    pub(super) done: f64,
    pub(super) total: Option<f64>,
    pub(super) message: Option<String>,
}

/// A log message. `data` is JSON.
struct Log {
    level: LogLevel,
    logger: Option<String>,
    data: String,
}

impl State {
    /// Sends progress. Returns `false` if the call has ended.
    fn progress(&self, progress: &Progress) -> bool {
        let Progress {
            done,
            total,
            message,
        } = progress;
        self.call
            .notifier
            .progress(*done, *total, message.as_deref())
    }

    /// Sends a log message, if its client wants it. Returns `false` if the call has ended.
    fn log(&self, log: &Log) -> bool {
        let Log {
            level,
            logger,
            data,
        } = log;
        self.call.notifier.log(*level, logger.as_deref(), data)
    }

    fn keep(&mut self, log: Log) {
        let size = log.data.len() + log.logger.as_ref().map_or(0, String::len);
        if self.kept + size <= MAX_KEPT {
            self.kept += size;
            self.logs.push(log);
        } else {
            let (count, highest) = self.left_out.unwrap_or((0, log.level));
            self.left_out = Some((count + 1, highest.max(log.level)));
        }
    }
}

impl Notices {
    /// Creates the notices of a call, if its client wants to know anything.
    pub(super) fn of(call: &Arc<CallContext>) -> Option<Arc<Self>> {
        let wants = call.notifier.reports_progress() || call.notifier.level().is_some();
        wants.then(|| {
            Arc::new(Self(Mutex::new(State {
                call: Arc::clone(call),
                progress: None,
                logs: Vec::new(),
                kept: 0,
                left_out: None,
            })))
        })
    }

    pub(super) fn progress(&self, progress: Progress) {
        let mut state = self.0.lock();
        if !state.progress(&progress) {
            state.progress = Some(progress);
        }
    }

    pub(super) fn log(&self, level: LogLevel, logger: Option<String>, data: &Value) {
        let mut state = self.0.lock();
        if !state.call.notifier.wants(level) {
            return;
        }
        let data = data.to_string();
        let log = Log {
            level,
            logger,
            data,
        };
        if !state.log(&log) {
            state.keep(log);
        }
    }

    /// Goes on with a call that repeats the earlier one, and sends to it what was kept.
    pub(super) fn go_on(&self, call: &Arc<CallContext>) {
        let mut state = self.0.lock();
        state.call = Arc::clone(call);
        if let Some(progress) = state.progress.take() {
            state.progress(&progress);
        }
        state.kept = 0;
        for log in std::mem::take(&mut state.logs) {
            state.log(&log);
        }
        if let Some((count, level)) = state.left_out.take() {
            let data = format!("\"{count} log messages were left out before the answer\"");
            state.call.notifier.log(level, None, &data);
        }
    }
}
