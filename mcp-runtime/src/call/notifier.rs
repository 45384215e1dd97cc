//! Progress notifications and log messages of a call. Their rate and number are limited, and none follows the reply.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress> and
//! <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging>.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::TaskLink;
use crate::protocol::LogLevel;
use crate::protocol::jsonrpc::{notification, push_json};
use crate::protocol::revision::Features;
use crate::service::Outbound;
use crate::sync::{Mutex, MutexGuard};

/// The number of a call's progress notifications that are sent without a delay between them.
const BURST: u32 = 100;

/// The shortest time between two progress notifications after the burst.
const INTERVAL: Duration = Duration::from_millis(10);

/// The largest number of log messages of a call.
const MAX_LOGS: u32 = 1000;

/// The sender of a call's progress notifications and log messages, if the client asked for them.
pub(crate) struct ClientNotifier {
    /// The progress token, as JSON.
    token: Option<Box<str>>,
    /// The lowest level of log messages.
    level: Option<LogLevel>,
    features: &'static Features,
    outbound: Arc<dyn Outbound>,
    state: Mutex<NotifierState>,
}

/// The state of a notifier. Messages are sent while it is locked, so that none follows the end and progress stays in order.
#[derive(Default)]
struct NotifierState {
    finished: bool,
    /// The time of the last progress since the last [`ClientNotifier::take_progress`], wanted by the client or not.
    progress: Option<tokio::time::Instant>,
    /// The last value of progress, sent or held back.
    last: Option<f64>,
    limiter: RateLimiter,
    /// The newest notification, if it was held back.
    held: Option<String>,
    logs: u32,
    /// The number of log messages beyond the maximum, and the highest of their levels.
    left_out: Option<(u64, LogLevel)>,
    /// The task that the call has become, which receives its progress.
    task: Option<Arc<TaskLink>>,
}

/// The rate limit of progress notifications.
#[derive(Default)]
struct RateLimiter {
    sent: u32,
    next: Option<Instant>,
}

impl RateLimiter {
    /// Returns `true` if another notification may be sent now.
    fn allows(&mut self) -> bool {
        if self.sent < BURST {
            self.sent += 1;
            return true;
        }
        let now = Instant::now();
        let allowed = self.next.is_none_or(|next| next <= now);
        if allowed {
            self.next = Some(now + INTERVAL);
        }
        allowed
    }
}

impl ClientNotifier {
    /// Creates a notifier for a client that sent this progress token and asked for log messages of at least this level.
    pub(crate) fn new(
        token: Option<Box<str>>,
        level: Option<LogLevel>,
        features: &'static Features,
        outbound: Arc<dyn Outbound>,
    ) -> Self {
        Self {
            token,
            level,
            features,
            outbound,
            state: Mutex::default(),
        }
    }

    /// Returns the channel on which messages are sent to the client.
    pub(crate) fn outbound(&self) -> &Arc<dyn Outbound> {
        &self.outbound
    }

    fn lock(&self) -> MutexGuard<'_, NotifierState> {
        self.state.lock()
    }

    /// Returns the lowest level of log messages that the client wants.
    #[cfg(feature = "proxy")]
    pub(crate) fn level(&self) -> Option<LogLevel> {
        self.level
    }

    /// Returns `true` if the client asked for progress.
    #[cfg(feature = "proxy")]
    pub(crate) fn reports_progress(&self) -> bool {
        self.token.is_some()
    }

    fn notifies(&self) -> bool {
        self.token.is_some() || self.level.is_some()
    }

    fn report(&self, token: &str, done: f64, total: Option<f64>, message: Option<&str>) -> String {
        let mut params = format!("{{\"progressToken\":{token},\"progress\":");
        push_json(&mut params, &done);
        if let Some(total) = total.filter(|total| total.is_finite()) {
            params.push_str(",\"total\":");
            push_json(&mut params, &total);
        }
        if let Some(message) = message.filter(|_| self.features.progress_message) {
            params.push_str(",\"message\":");
            push_json(&mut params, message);
        }
        params.push('}');
        notification("notifications/progress", &params)
    }
}

/// Returns progress as a text.
fn described(done: f64, total: Option<f64>, message: Option<&str>) -> String {
    match (message, total) {
        (Some(message), _) => message.to_owned(),
        (None, Some(total)) => format!("{done} of {total}"),
        (None, None) => done.to_string(),
    }
}

/// Encodes a log message. `data` is JSON.
fn message(level: LogLevel, logger: Option<&str>, data: &str) -> String {
    let mut params = String::from("{\"level\":");
    push_json(&mut params, &level);
    if let Some(logger) = logger {
        params.push_str(",\"logger\":");
        push_json(&mut params, logger);
    }
    params.push_str(",\"data\":");
    params.push_str(data);
    params.push('}');
    notification("notifications/message", &params)
}

impl ClientNotifier {
    /// Reports progress, if the client asked for it. Returns `false` if the call has ended.
    pub(crate) fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) -> bool {
        let mut state = self.lock();
        state.progress = Some(tokio::time::Instant::now());
        if let Some(task) = &state.task {
            task.report(described(done, total, message));
            return true;
        }
        if state.finished {
            return false;
        }
        let Some(token) = self.token.as_deref().filter(|_| done.is_finite()) else {
            return true;
        };
        if state.last.is_some_and(|last| done <= last) {
            return true;
        }
        state.last = Some(done);
        let report = self.report(token, done, total, message);
        if state.limiter.allows() {
            state.held = None;
            self.outbound.send(report);
        } else {
            state.held = Some(report);
        }
        true
    }

    /// Sends all progress to the task that the call has become, and nothing to the client of the call.
    pub(crate) fn become_task(&self, task: Arc<TaskLink>) {
        let mut state = self.lock();
        state.finished = true;
        state.held = None;
        state.left_out = None;
        state.task = Some(task);
    }

    /// Returns the time of the last progress, if any was reported since the last call of this function.
    pub(crate) fn take_progress(&self) -> Option<tokio::time::Instant> {
        self.lock().progress.take()
    }

    /// Returns `true` if the client asked for log messages of this level.
    pub(crate) fn wants(&self, level: LogLevel) -> bool {
        self.level.is_some_and(|lowest| level >= lowest)
    }

    /// Sends a log message, if the client asked for its level. `data` is JSON. Returns `false` if the call has ended. A task has
    /// no log messages.
    pub(crate) fn log(&self, level: LogLevel, logger: Option<&str>, data: &str) -> bool {
        let mut state = self.lock();
        if state.finished {
            return state.task.is_some();
        }
        if !self.wants(level) {
            return true;
        }
        if state.logs < MAX_LOGS {
            state.logs += 1;
            self.outbound.send(message(level, logger, data));
        } else {
            let (count, highest) = state.left_out.unwrap_or((0, level));
            state.left_out = Some((count + 1, highest.max(level)));
        }
        true
    }

    /// Sends the progress that was held back and the number of log messages that were left out, and nothing after them. It is
    /// called before the reply is sent.
    pub(crate) fn finish(&self) {
        if !self.notifies() {
            return;
        }
        let mut state = self.lock();
        state.finished = true;
        if let Some(report) = state.held.take() {
            self.outbound.send(report);
        }
        if let Some((count, level)) = state.left_out {
            let data =
                format!("\"{count} log messages of the call were left out after {MAX_LOGS}\"");
            self.outbound.send(message(level, None, &data));
        }
    }

    /// Stops all notifications. It is called when the call is cancelled.
    pub(crate) fn abandon(&self) {
        self.lock().finished = true;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::Revision;

    #[derive(Default)]
    struct Sent(Mutex<Vec<String>>);

    impl Outbound for Sent {
        fn send(&self, message: String) -> bool {
            self.0.lock().push(message);
            true
        }
    }

    impl Sent {
        fn take(&self) -> Vec<Value> {
            let messages = std::mem::take(&mut *self.0.lock());
            let params = |message: String| {
                let message: Value = serde_json::from_str(&message).expect("JSON");
                message["params"].clone()
            };
            messages.into_iter().map(params).collect()
        }
    }

    fn reporting(token: Option<&str>, level: Option<LogLevel>) -> (Arc<Sent>, ClientNotifier) {
        let sent = Arc::<Sent>::default();
        let features = Revision::LATEST.features();
        let outbound = Arc::clone(&sent) as Arc<dyn Outbound>;
        let notifier = ClientNotifier::new(token.map(Into::into), level, features, outbound);
        (sent, notifier)
    }

    #[test]
    fn a_flood_of_progress_is_thinned_out_and_its_last_value_arrives() {
        let (sent, notifier) = reporting(Some("7"), None);
        let begin = Instant::now();
        let most = 100_000_u32;
        for step in 1..=most {
            notifier.progress(f64::from(step), None, None);
        }
        let intervals = begin.elapsed().as_millis() / INTERVAL.as_millis();
        notifier.finish();
        let values: Vec<_> = sent
            .take()
            .iter()
            .map(|params| params["progress"].as_f64().expect("a number"))
            .collect();
        assert!(values.is_sorted_by(|one, next| one < next), "{values:?}");
        assert_eq!(values[..3], [1.0, 2.0, 3.0]);
        assert_eq!(values.last(), Some(&f64::from(most)));
        let expected = u128::from(BURST) + intervals + 2;
        assert!(values.len() as u128 <= expected, "{}", values.len());
    }

    #[test]
    fn progress_increases_and_is_finite() {
        let (sent, notifier) = reporting(Some("7"), None);
        for done in [1.0, f64::INFINITY, f64::NAN, 1.0, 0.5, 2.0] {
            notifier.progress(done, Some(f64::NAN), None);
        }
        let expected = [1.0, 2.0].map(|done| json!({ "progressToken": 7, "progress": done }));
        assert_eq!(sent.take(), expected);
    }

    #[test]
    fn nothing_follows_the_end() {
        for finishes in [true, false] {
            let (sent, notifier) = reporting(Some("7"), Some(LogLevel::Debug));
            if finishes {
                notifier.finish();
            } else {
                notifier.abandon();
            }
            notifier.progress(1.0, None, None);
            notifier.log(LogLevel::Emergency, None, "1");
            assert_eq!(sent.take(), [] as [Value; 0]);
        }
    }

    #[test]
    fn a_cancelled_call_does_not_send_what_was_held_back() {
        let (sent, notifier) = reporting(Some("7"), None);
        for step in 0..=2 * BURST {
            notifier.progress(f64::from(step), None, None);
        }
        notifier.abandon();
        let last = sent.take().pop().expect("some were sent");
        assert!(last["progress"].as_f64() < Some(f64::from(2 * BURST)));
    }

    #[test]
    fn messages_below_the_level_are_left_out_and_so_are_too_many() {
        let (sent, notifier) = reporting(None, Some(LogLevel::Warning));
        notifier.progress(1.0, None, None);
        for _ in 0..2 * MAX_LOGS {
            notifier.log(LogLevel::Notice, None, "1");
            notifier.log(LogLevel::Error, Some("it"), "{\"a\":1}");
        }
        notifier.log(LogLevel::Critical, None, "1");
        notifier.log(LogLevel::Warning, None, "1");
        notifier.finish();
        let sent = sent.take();
        assert_eq!(sent.len(), 1001);
        let logged = json!({ "level": "error", "logger": "it", "data": { "a": 1 } });
        assert!(sent[..1000].iter().all(|params| *params == logged));
        assert_eq!(sent[1000]["level"], "critical");
        let expected = "1002 log messages of the call were left out after 1000";
        assert_eq!(sent[1000]["data"], expected);
    }
}
