//! The text format of Prometheus.
//!
//! See <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::{Display, Write};

use super::counters::{BOUNDS, Counters, Counts, Requests};

/// The values that are read when the metrics are.
#[derive(Clone, Copy)]
pub(crate) struct Gauges {
    /// The number of running handlers.
    pub(crate) in_flight: usize,
    /// The number of clients that listen for changes.
    pub(crate) listeners: usize,
}

/// Encodes all metrics.
pub(super) fn encode(counters: &Counters, gauges: Gauges) -> String {
    let counts = counters.lock();
    let mut page = Page(String::new());
    requests(&mut page, &counts);
    let name = "mcp_request_duration_seconds";
    page.head(name, "histogram", "The duration of requests.");
    for ((method, component), requests) in &counts.requests {
        let labels = [("method", method.as_str()), ("component", component)];
        durations(&mut page, name, labels, requests);
    }
    connections(&mut page, &counts);
    refusals(&mut page, &counts);
    for (name, kind, help, value) in totals(&counts, gauges) {
        page.head(name, kind, help);
        page.sample(name, &[], value);
    }
    page.0
}

fn requests(page: &mut Page, counts: &Counts) {
    let name = "mcp_requests_total";
    let help = "Requests that ended, by method, component and outcome.";
    page.head(name, "counter", help);
    for ((method, component), requests) in &counts.requests {
        let (method, component) = (
            ("method", method.as_str()),
            ("component", component.as_str()),
        );
        for (outcome, number) in &requests.outcomes {
            page.sample(name, &[method, component, ("outcome", outcome)], number);
        }
    }
}

fn durations(page: &mut Page, name: &str, labels: [(&str, &str); 2], requests: &Requests) {
    let [method, component] = labels;
    let mut total = 0;
    let bounds = BOUNDS.iter().map(ToString::to_string);
    for (bound, number) in bounds.chain(["+Inf".to_owned()]).zip(requests.buckets) {
        total += number;
        let labels = [method, component, ("le", bound.as_str())];
        page.sample(&format!("{name}_bucket"), &labels, total);
    }
    page.sample(&format!("{name}_sum"), &labels, requests.seconds);
    page.sample(&format!("{name}_count"), &labels, total);
}

fn connections(page: &mut Page, counts: &Counts) {
    let name = "mcp_connections";
    page.head(name, "gauge", "Open connections by transport.");
    for (transport, open) in &counts.connections {
        page.sample(name, &[("transport", transport)], open);
    }
}

fn refusals(page: &mut Page, counts: &Counts) {
    let name = "mcp_refusals_total";
    let help = "Messages and connections that were refused, by limit or HTTP status.";
    page.head(name, "counter", help);
    for (reason, number) in &counts.refusals {
        page.sample(name, &[("reason", reason)], number);
    }
}

/// Returns the names, types, descriptions and values of the metrics without labels.
fn totals(counts: &Counts, gauges: Gauges) -> [(&'static str, &'static str, &'static str, u64); 5] {
    let Gauges {
        in_flight,
        listeners,
    } = gauges;
    [
        (
            "mcp_requests_in_flight",
            "gauge",
            "Requests whose handlers run.",
            in_flight as u64,
        ),
        (
            "mcp_listeners",
            "gauge",
            "Clients that listen for changes.",
            listeners as u64,
        ),
        (
            "mcp_sessions_total",
            "counter",
            "Sessions that were opened. The server keeps no list of sessions, so it does not know how many are in use.",
            counts.sessions,
        ),
        (
            "mcp_received_bytes_total",
            "counter",
            "Bytes of requests.",
            counts.bytes_in,
        ),
        (
            "mcp_sent_bytes_total",
            "counter",
            "Bytes of replies.",
            counts.bytes_out,
        ),
    ]
}

/// A page of metrics under construction. Writing to a `String` cannot fail.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let begin = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{begin}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::series::Series;
    use super::*;

    #[test]
    fn names_are_escaped_and_buckets_are_cumulative() {
        let counters = Counters::default();
        let series = Series {
            method: "resources/read",
            component: "a\"b\\c\nd",
            outcome: "ok",
        };
        for milliseconds in [1, 15, 15, 400_000] {
            let duration = Duration::from_millis(milliseconds);
            counters.request(&series, duration, [1, 1], false);
        }
        let gauges = Gauges {
            in_flight: 3,
            listeners: 0,
        };
        let page = encode(&counters, gauges);
        let labels = r#"method="resources/read",component="a\"b\\c\nd""#;
        for line in [
            format!("mcp_requests_total{{{labels},outcome=\"ok\"}} 4"),
            format!("mcp_request_duration_seconds_bucket{{{labels},le=\"0.001\"}} 1"),
            format!("mcp_request_duration_seconds_bucket{{{labels},le=\"0.02\"}} 3"),
            format!("mcp_request_duration_seconds_bucket{{{labels},le=\"300\"}} 3"),
            format!("mcp_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 4"),
            format!("mcp_request_duration_seconds_count{{{labels}}} 4"),
            "mcp_requests_in_flight 3".to_owned(),
        ] {
            assert!(page.lines().any(|one| one == line), "{line}\n{page}");
        }
    }
}
