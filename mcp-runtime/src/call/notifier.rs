//! Progress and log messages of a call: limited in rate and number, and none after the reply.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress> and
//! <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging>.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::LogLevel;
use crate::protocol::jsonrpc::{notification, push_json};
use crate::protocol::revision::Features;
use crate::service::Outbound;
use crate::sync::{Mutex, MutexGuard};

/// So many reports of progress of a call go out at once.
const BURST: u32 = 100;

/// Those after that are at least so far apart.
const PACE: Duration = Duration::from_millis(10);

/// So many log messages of a call go out.
const MOST_LOGS: u32 = 1000;

/// Notifies the client of a call: of progress and with log messages, as far as it asked for them.
pub(crate) struct ClientNotifier {
    /// The token for progress, as JSON.
    token: Option<Box<str>>,
    /// The lowest level of log messages.
    level: Option<LogLevel>,
    features: &'static Features,
    outbound: Arc<dyn Outbound>,
    state: Mutex<NotifierState>,
}

/// Everything is sent under the lock of this, so that nothing follows the end and values stay in order.
#[derive(Default)]
struct NotifierState {
    over: bool,
    /// The last value of progress, sent or held back.
    last: Option<f64>,
    pace: Pace,
    /// The newest report, where it came too soon after others.
    held: Option<String>,
    logs: u32,
}

/// When progress may be sent.
#[derive(Default)]
struct Pace {
    sent: u32,
    next: Option<Instant>,
}

impl Pace {
    /// Whether one more report may be sent now.
    fn allows(&mut self) -> bool {
        if self.sent < BURST {
            self.sent += 1;
            return true;
        }
        let now = Instant::now();
        let allowed = self.next.is_none_or(|next| next <= now);
        if allowed {
            self.next = Some(now + PACE);
        }
        allowed
    }
}

impl ClientNotifier {
    /// Returns a notifier of a client that gave this token for progress and wants log messages from this level on.
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

    /// Returns the way that messages to the client go.
    pub(crate) fn outbound(&self) -> &Arc<dyn Outbound> {
        &self.outbound
    }

    fn lock(&self) -> MutexGuard<'_, NotifierState> {
        self.state.lock()
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

/// A log message. `data` is JSON.
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
    /// Reports progress, if the client asked for it and the call still runs.
    pub(crate) fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token) = self.token.as_deref().filter(|_| done.is_finite()) else {
            return;
        };
        let mut state = self.lock();
        if state.over || state.last.is_some_and(|last| done <= last) {
            return;
        }
        state.last = Some(done);
        let report = self.report(token, done, total, message);
        if state.pace.allows() {
            state.held = None;
            self.outbound.send(report);
        } else {
            state.held = Some(report);
        }
    }

    /// Returns `true` if the client wants log messages of this level.
    pub(crate) fn wants(&self, level: LogLevel) -> bool {
        self.level.is_some_and(|lowest| level >= lowest)
    }

    /// Sends a log message, if the client wants it and the call still runs. `data` is JSON.
    pub(crate) fn log(&self, level: LogLevel, logger: Option<&str>, data: &str) {
        let mut state = self.lock();
        if state.over || !self.wants(level) || state.logs > MOST_LOGS {
            return;
        }
        state.logs += 1;
        self.outbound.send(if state.logs > MOST_LOGS {
            let data = format!("\"the call has logged {MOST_LOGS} messages: more are left out\"");
            message(level, None, &data)
        } else {
            message(level, logger, data)
        });
    }

    /// Sends what was held back, and nothing more after it: the reply follows.
    pub(crate) fn finish(&self) {
        if !self.notifies() {
            return;
        }
        let mut state = self.lock();
        state.over = true;
        if let Some(report) = state.held.take() {
            self.outbound.send(report);
        }
    }

    /// Sends nothing more: the call was cancelled.
    pub(crate) fn abandon(&self) {
        self.lock().over = true;
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
        let most = 20_000_u32;
        for step in 1..=most {
            notifier.progress(f64::from(step), None, None);
        }
        let paces = begin.elapsed().as_millis() / PACE.as_millis();
        notifier.finish();
        let values: Vec<_> = sent
            .take()
            .iter()
            .map(|params| params["progress"].as_f64().expect("a number"))
            .collect();
        assert!(values.is_sorted_by(|one, next| one < next), "{values:?}");
        assert_eq!(values[..3], [1.0, 2.0, 3.0]);
        assert_eq!(values.last(), Some(&f64::from(most)));
        let expected = u128::from(BURST) + paces + 2;
        assert!(values.len() as u128 <= expected, "{}", values.len());
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
        for _ in 0..2 * MOST_LOGS {
            notifier.log(LogLevel::Notice, None, "1");
            notifier.log(LogLevel::Error, Some("it"), "{\"a\":1}");
        }
        let sent = sent.take();
        assert_eq!(sent.len(), 1001);
        let logged = json!({ "level": "error", "logger": "it", "data": { "a": 1 } });
        assert!(sent[..1000].iter().all(|params| *params == logged));
        assert_eq!(sent[1000]["level"], "error");
        assert!(
            sent[1000]["data"]
                .as_str()
                .expect("a text")
                .contains("left out")
        );
    }
}
