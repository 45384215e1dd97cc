//! The log of a server binary on stderr: its options, its formats, and the subscriber that writes it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, ValueEnum};
use serde_json::{Map, Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::terminal;
use crate::logs::{fields_of, forward_logs, panic_text};
use crate::observe;
use crate::server::Server;

/// The environment variable with the default of `--log`.
const VARIABLE: &str = "RUST_LOG";

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

/// Returns the options `--log` and `--log-format`.
pub(super) fn arguments() -> [Arg; 2] {
    [
        Arg::new("log")
            .long("log")
            .value_name("LEVEL|FILTER")
            .value_parser(parse)
            .global(true)
            .help(
                "What to log on stderr: off, error, warn, info, debug or trace, or levels of targets such as \
                 my_crate=debug,warn [default: the environment variable RUST_LOG, or warn]",
            ),
        Arg::new("log-format")
            .long("log-format")
            .value_name("FORMAT")
            .value_parser(EnumValueParser::<LogFormat>::new())
            .default_value("text")
            .global(true)
            .help("The format of the log"),
    ]
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self {
            Self::Text => "text".into(),
            Self::Json => "json".into(),
        })
    }
}

/// Parses a level, or a list of levels and of `TARGET=LEVEL`.
fn parse(filter: &str) -> Result<Targets, String> {
    for directive in filter.split(',') {
        // The parser of `Targets` takes a misspelled level for a target.
        let is_known = directive.contains('=') || directive.parse::<LevelFilter>().is_ok();
        if !is_known || directive.is_empty() {
            return Err(format!(
                "`{directive}` is neither a level nor TARGET=LEVEL; the levels are off, error, warn, info, debug and trace"
            ));
        }
    }
    filter
        .parse()
        .map_err(|error: tracing_subscriber::filter::ParseError| error.to_string())
}

/// Installs the log, if the program has no `tracing` subscriber yet. Returns the format of the log.
#[cfg_attr(not(feature = "otel"), allow(unused_variables))] // for the layer of `Server::otel`
pub(super) fn install(server: &Server, matches: &ArgMatches) -> LogFormat {
    let format = matches.get_one("log-format").copied();
    let format = format.unwrap_or(LogFormat::Text);
    let chosen = matches.get_one::<Targets>("log").cloned();
    let from_environment = || std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let (filter, mistake) = match (chosen.clone(), from_environment()) {
        (Some(filter), _) => (filter, None),
        (None, None) => (default(), None),
        (None, Some(text)) => match parse(&text) {
            Ok(filter) => (filter, None),
            Err(mistake) => (default(), Some(mistake)),
        },
    };
    if tracing::dispatcher::has_been_set() {
        if chosen.is_some() {
            format.write_line(
                Level::WARN,
                "`--log` has no effect: the program has its own `tracing` subscriber",
            );
        }
        return format;
    }
    let stderr = tracing_subscriber::fmt::layer()
        .event_format(format)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_filter(filter);
    let subscriber = tracing_subscriber::registry()
        .with(stderr)
        .with(forward_logs());
    #[cfg(feature = "otel")]
    let subscriber = subscriber.with(
        server
            .otel_layer()
            .map(|layer| layer.with_filter(LevelFilter::INFO)),
    );
    // This fails if another thread has just set a subscriber, which is then kept.
    if subscriber.try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    if let Some(mistake) = mistake {
        tracing::warn!("the environment variable {VARIABLE} is ignored: {mistake}");
    }
    format
}

fn default() -> Targets {
    Targets::new().with_default(LevelFilter::WARN)
}

/// Logs where a panic happened. The default hook would write lines that are not part of the log.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        location = panic.location().map(tracing::field::display),
        backtrace = backtrace.as_ref().map(tracing::field::display),
        "a panic: {}",
        panic_text(panic.payload()).unwrap_or("(no message)"),
    );
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
    fn write_line(self, level: Level, line: &str) {
        let mut stderr = io::stderr();
        let line = match self {
            Self::Text => terminal::text(&stderr, line).into_owned(),
            Self::Json => {
                let fields = json!({ "message": line });
                json_line(level, TARGET, fields, Vec::new())
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
        let spans = spans(context);
        let line = match self {
            Self::Json => json_line(
                *metadata.level(),
                metadata.target(),
                fields_of(event),
                spans,
            ),
            Self::Text => {
                let mut fields = String::new();
                context.format_fields(Writer::new(&mut fields), event)?;
                let spans: String = spans
                    .iter()
                    .map(|(name, fields)| format!(" {name}{{{fields}}}"))
                    .collect();
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
    let spans = context
        .event_scope()
        .into_iter()
        .flat_map(|scope| scope.from_root());
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
    spans: Vec<(&'static str, String)>,
) -> String {
    let mut line = Map::new();
    line.insert("timestamp".into(), now().into());
    line.insert("level".into(), level.as_str().into());
    line.insert("target".into(), target.into());
    line.insert("fields".into(), fields);
    if !spans.is_empty() {
        let spans = spans
            .into_iter()
            .map(|(name, fields)| json!({ "name": name, "fields": fields }));
        line.insert("spans".into(), spans.collect());
    }
    Value::from(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_of_targets() {
        for good in [
            "debug",
            "WARN",
            "off",
            "my_crate=debug,warn",
            "a::b=trace,c=off",
            "info",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "debgu",
            "my_crate",
            "my_crate=loud",
            "warn,",
            "my_crate=debug,wran",
        ] {
            let mistake = parse(bad).unwrap_err();
            assert!(!mistake.is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_level_is_for_all_targets_and_a_directive_for_its_own() {
        let enables =
            |filter: &str, target: &str| parse(filter).unwrap().would_enable(target, &Level::DEBUG);
        assert!(enables("debug", "hyper::proto"));
        assert!(enables("my_crate=debug,warn", "my_crate::tools"));
        assert!(!enables("my_crate=debug,warn", "hyper::proto"));
    }
}
