//! The client of a command: its headers, its trace and its log level.

use std::io;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::log_format::LogFormat;
use super::terminal;
use crate::client::{Client, ClientBuilder};
use crate::protocol::LogLevel;
use crate::server::Server;

/// Returns the client that the options of a command describe.
///
/// # Errors
/// Returns an error if an option has an invalid value.
pub(super) fn client(server: Server, matches: &ArgMatches) -> Result<ClientBuilder, String> {
    let mut client = server.client();
    for text in values(matches, "header") {
        let (name, value) = header(text)?;
        client = client.header(name, value);
    }
    for traceparent in values(matches, "traceparent") {
        client = client.traceparent(traceparent);
    }
    for text in values(matches, "log-level") {
        client = client.log_level(level(text)?);
    }
    Ok(client)
}

fn header(text: &str) -> Result<(&str, &str), String> {
    let parts = text.split_once(':');
    let parts = parts.map(|(name, value)| (name.trim(), value.trim()));
    let parts = parts.filter(|(name, _)| !name.is_empty());
    parts.ok_or_else(|| format!("`{text}` is not a header: write `NAME: VALUE`"))
}

fn level(text: &str) -> Result<LogLevel, String> {
    LogLevel::parse(&json!(text).to_string()).ok_or_else(|| {
        format!(
            "`{text}` is not a log level: write `debug`, `info`, `notice`, `warning`, `error`, `critical`, `alert` or \
             `emergency`"
        )
    })
}

/// Returns the values of an option, which not every command has.
fn values<'m>(matches: &'m ArgMatches, option: &str) -> impl Iterator<Item = &'m String> {
    let values = matches.try_get_many::<String>(option);
    values.ok().flatten().into_iter().flatten()
}

/// Prints the log messages that have arrived to stderr.
pub(super) fn print_logs(client: &Client, format: LogFormat) {
    let messages = client.take_notifications();
    let logs = messages
        .iter()
        .filter(|message| message["method"] == "notifications/message");
    for log in logs {
        let line = line(&log["params"]);
        format.notice(&terminal::line(&io::stderr(), &line));
    }
}

/// Formats a log message: `warning disk: 1 GB is free`.
fn line(params: &Value) -> String {
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
