//! What a call sends while it runs: its progress, on a line of the terminal that is overwritten, and log messages.

use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::Duration;

use serde_json::Value;

use super::log_format::LogFormat;
use super::terminal;
use crate::client::Client;

/// The time between two looks at what has arrived.
const PERIOD: Duration = Duration::from_millis(100);

/// The letters that return to the start of the line, and erase it.
const ERASE: &str = "\r\x1b[K";

/// Waits for a request, and prints what arrives meanwhile to stderr. Progress is printed only on a terminal.
pub(super) async fn watched<T>(
    client: &Client,
    format: LogFormat,
    request: impl Future<Output = T>,
) -> T {
    let mut request = pin!(request);
    let mut ticks = tokio::time::interval(PERIOD);
    let mut shows_progress = false;
    loop {
        let done = tokio::select! {
            biased;
            done = request.as_mut() => Some(done),
            _ = ticks.tick() => None,
        };
        show(client, format, &mut shows_progress);
        if let Some(done) = done {
            erase(&mut shows_progress);
            return done;
        }
    }
}

fn show(client: &Client, format: LogFormat, shows_progress: &mut bool) {
    let mut progress = None;
    for message in client.take_notifications() {
        let params = &message["params"];
        if message["method"] == "notifications/progress" {
            progress = Some(progress_line(params));
        } else if message["method"] == "notifications/message" {
            erase(shows_progress);
            format.notice(&terminal::line(&io::stderr(), &log_line(params)));
        }
    }
    let mut stderr = io::stderr();
    if let Some(progress) = progress
        && format == LogFormat::Text
        && stderr.is_terminal()
    {
        let line = terminal::line(&stderr, &progress).into_owned();
        // Nothing depends on it.
        let _ = write!(stderr, "{ERASE}{line}").and_then(|()| stderr.flush());
        *shows_progress = true;
    }
}

fn erase(shows_progress: &mut bool) {
    if std::mem::take(shows_progress) {
        let _ = write!(io::stderr(), "{ERASE}");
    }
}

/// Formats a progress report: `40% (2 of 5) reading`, or `2 reading` if the total is unknown.
fn progress_line(params: &Value) -> String {
    let done = params["progress"].as_f64().unwrap_or_default();
    let total = params["total"].as_f64().filter(|total| *total > 0.0);
    let shown = match total {
        Some(total) => format!("{:.0}% ({done} of {total})", done * 100.0 / total),
        None => done.to_string(),
    };
    match params["message"].as_str() {
        Some(message) => format!("{shown} {message}"),
        None => shown,
    }
}

/// Formats a log message: `warning disk: 1 GB is free`.
fn log_line(params: &Value) -> String {
    let text = |value: &Value| {
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| value.to_string())
    };
    let mut line = text(&params["level"]);
    if let Some(logger) = params.get("logger") {
        line.extend([" ", &text(logger)]);
    }
    line + ": " + &text(&params["data"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_of_progress_and_of_the_log() {
        for (params, line) in [
            (
                json!({ "progress": 2, "total": 5, "message": "reading" }),
                "40% (2 of 5) reading",
            ),
            (json!({ "progress": 0.5, "total": 1 }), "50% (0.5 of 1)"),
            (json!({ "progress": 7, "total": 0 }), "7"),
            (json!({ "progress": 7, "message": "pages" }), "7 pages"),
            (json!({}), "0"),
        ] {
            assert_eq!(progress_line(&params), line);
        }
        let log = json!({ "level": "warning", "logger": "disk", "data": { "free": 1 } });
        assert_eq!(log_line(&log), "warning disk: {\"free\":1}");
    }
}
