//! The options of the log of a server binary, and the subscriber that writes it to stderr.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic::PanicHookInfo;

use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches};
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::flags::DEV;
use super::log_format::LogFormat;
use crate::logs::{forward_logs, name_requests, panic_text};
use crate::server::Server;

/// The environment variable with the default of `--log`.
const VARIABLE: &str = "RUST_LOG";

/// Returns the options `--log` and `--log-format`.
pub(super) fn arguments() -> [Arg; 2] {
    let filter = Arg::new("log")
        .value_name("LEVEL|FILTER")
        .value_parser(parse)
        .help(
            "What to log on stderr: off, error, warn, info, debug or trace, or levels of targets such as \
             my_crate=debug,warn [default: the environment variable RUST_LOG, or warn]",
        );
    let format = Arg::new("log-format")
        .value_name("FORMAT")
        .value_parser(EnumValueParser::<LogFormat>::new())
        .default_value("text")
        .help("The format of the log");
    [filter.long("log"), format.long("log-format")].map(|option| option.global(true))
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
pub(super) fn install(server: &Server, matches: &ArgMatches) -> LogFormat {
    let format = matches.get_one("log-format").copied();
    let format = format.unwrap_or(LogFormat::Text);
    let chosen = matches.get_one::<Targets>("log").cloned();
    if tracing::dispatcher::has_been_set() {
        if chosen.is_some() {
            let warning = "`--log` has no effect: the program has its own `tracing` subscriber";
            format.write_line(Level::WARN, warning);
        }
        return format;
    }
    let (filter, mistake) = chosen.map_or_else(filter_of_environment, |chosen| (chosen, None));
    // A command has no clients, whose requests are named and whose texts could be in a panic.
    if subscribe(server, format, filter) && serves(matches) {
        name_requests();
        std::panic::set_hook(Box::new(log_panic));
    }
    if let Some(mistake) = mistake {
        tracing::warn!("the environment variable {VARIABLE} is ignored: {mistake}");
    }
    format
}

fn serves(matches: &ArgMatches) -> bool {
    matches.subcommand_name().is_none_or(|name| name == DEV)
}

/// Installs the subscriber of the process. Returns `false` if another thread has just installed one.
#[cfg_attr(not(feature = "otel"), allow(unused_variables))] // for the layer of `Server::otel`
fn subscribe(server: &Server, format: LogFormat, filter: Targets) -> bool {
    let stderr = tracing_subscriber::fmt::layer().event_format(format);
    let stderr = stderr.with_writer(io::stderr).with_ansi(false);
    let subscriber = tracing_subscriber::registry()
        .with(stderr.with_filter(filter))
        .with(forward_logs());
    #[cfg(feature = "otel")]
    let subscriber = {
        let spans = server.otel_layer();
        subscriber.with(spans.map(|layer| layer.with_filter(LevelFilter::INFO)))
    };
    subscriber.try_init().is_ok()
}

/// Returns the filter of the environment variable or the default, and what is wrong with the variable.
fn filter_of_environment() -> (Targets, Option<String>) {
    let default = Targets::new().with_default(LevelFilter::WARN);
    let variable = std::env::var(VARIABLE).ok();
    match variable
        .filter(|text| !text.is_empty())
        .map(|text| parse(&text))
    {
        None => (default, None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(mistake)) => (default, Some(mistake)),
    }
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
