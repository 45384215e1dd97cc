//! The format of everything that a server binary writes to stderr.

use std::fmt;
use std::io::{self, Write as _};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::{Map, Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::terminal;
use crate::logs::{current_request, fields_of};
use crate::observe;

/// The target of the lines that the command line itself writes.
const TARGET: &str = module_path!();

/// The format of everything that the binary writes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogFormat {
    /// One line of text for each event, with control characters escaped.
    Text,
    /// One JSON object for each event.
    Json,
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Text => "text".into(),
            Self::Json => "json".into(),
        })
    }
}

impl LogFormat {
    /// Writes a line that is not an event, such as the address of the server.
    pub(super) fn notice(self, line: &str) {
        self.write_line(Level::INFO, line);
    }

    /// Writes the error that ends the program.
    pub(super) fn error(self, message: &str) {
        match self {
            Self::Text => self.write_line(Level::ERROR, &format!("error: {message}")),
            Self::Json => self.write_line(Level::ERROR, message),
        }
    }

    /// Writes a line to stderr, and ignores errors of writing.
    pub(super) fn write_line(self, level: Level, line: &str) {
        let mut stderr = io::stderr();
        let line = match self {
            Self::Text => terminal::text(&stderr, line).into_owned(),
            Self::Json => {
                let fields = json!({ "message": line });
                json_line(level, TARGET, fields, Map::new(), Vec::new())
            }
        };
        let _ = writeln!(stderr, "{line}");
    }
}

impl<S, N> FormatEvent<S, N> for LogFormat
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let (request, spans) = (request(), spans(context));
        let line = match self {
            Self::Json => json_line(
                *metadata.level(),
                metadata.target(),
                fields_of(event),
                request,
                spans,
            ),
            Self::Text => {
                let mut fields = String::new();
                context.format_fields(Writer::new(&mut fields), event)?;
                let line = text_of_request(&request);
                let spans = spans.iter().fold(line, |line, (name, fields)| {
                    line + " " + name + "{" + fields + "}"
                });
                format!(
                    "{} {:>5} {}: {fields}{spans}",
                    now(),
                    metadata.level(),
                    metadata.target()
                )
            }
        };
        // Messages can contain text of clients, which must not look like further lines.
        writeln!(writer, "{}", terminal::escape_all(&line))
    }
}

/// Returns the names and fields of the program's spans around an event, without the span of the request itself, whose
/// fields can contain arguments.
fn spans<S, N>(context: &FmtContext<'_, S, N>) -> Vec<(&'static str, String)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let spans = context.event_scope().into_iter().flat_map(Scope::from_root);
    let spans = spans.filter(|span| span.metadata().target() != observe::TARGET);
    spans
        .map(|span| {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>();
            (
                span.name(),
                fields
                    .map(|fields| fields.fields.clone())
                    .unwrap_or_default(),
            )
        })
        .collect()
}

/// Returns the ids of the request that this thread serves: its `id`, and its `trace_id` if it belongs to a trace.
fn request() -> Map<String, Value> {
    let mut ids = Map::new();
    if let Some(request) = current_request() {
        let id = request.id().filter(|id| observe::is_short(id));
        ids.extend(id.map(|id| ("id".into(), json!(id))));
        ids.extend(request.trace_id().map(|id| ("trace_id".into(), id.into())));
    }
    ids
}

/// Formats the ids of a request like the fields of a span.
fn text_of_request(ids: &Map<String, Value>) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let ids: Vec<String> = ids
        .iter()
        .map(|(name, id)| format!("{name}={id}"))
        .collect();
    format!(" request{{{}}}", ids.join(" "))
}

/// Returns the current time in UTC, as in RFC 3339.
fn now() -> String {
    let mut time = String::new();
    // Writing to a `String` cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

fn json_line(
    level: Level,
    target: &str,
    fields: Value,
    request: Map<String, Value>,
    spans: Vec<(&'static str, String)>,
) -> String {
    let mut line = Map::new();
    line.insert("timestamp".into(), now().into());
    line.insert("level".into(), level.as_str().into());
    line.insert("target".into(), target.into());
    line.insert("fields".into(), fields);
    if !request.is_empty() {
        line.insert("request".into(), request.into());
    }
    if !spans.is_empty() {
        let spans = spans
            .into_iter()
            .map(|(name, fields)| json!({ "name": name, "fields": fields }));
        line.insert("spans".into(), spans.collect());
    }
    Value::from(line).to_string()
}
