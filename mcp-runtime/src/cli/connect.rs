//! The client of a command: its headers, its trace and its log level.

use std::io;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::terminal::{self, print_line};
use crate::client::{Client, ClientBuilder};
use crate::protocol::LogLevel;
use crate::server::Server;

/// Returns the client that the options of a command describe.
///
/// # Errors
/// Returns an error if an option has an invalid value.
pub(super) fn client(server: Server, matches: &ArgMatches) -> Result<ClientBuilder, String> {
    let mut client = server.client();
    for header in values(matches, "header") {
        let (name, value) = header
            .split_once(':')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| format!("`{header}` is not a header: write `NAME: VALUE`"))?;
        client = client.header(name.trim(), value.trim());
    }
    for traceparent in values(matches, "traceparent") {
        client = client.traceparent(traceparent);
    }
    for level in values(matches, "log-level") {
        let level = LogLevel::parse(&json!(level).to_string()).ok_or_else(|| {
            format!(
                "`{level}` is not a log level: write `debug`, `info`, `notice`, `warning`, `error`, `critical`, `alert` \
                 or `emergency`"
            )
        })?;
        client = client.log_level(level);
    }
    Ok(client)
}

/// Returns the values of an option, which not every command has.
fn values<'m>(matches: &'m ArgMatches, option: &str) -> impl Iterator<Item = &'m String> {
    let values = matches.try_get_many::<String>(option);
    values.ok().flatten().into_iter().flatten()
}

/// Prints the log messages that have arrived to stderr.
pub(super) fn print_logs(client: &Client) {
    let messages = client.take_notifications();
    let logs = messages
        .iter()
        .filter(|message| message["method"] == "notifications/message");
    for log in logs {
        let params = &log["params"];
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let logger = params.get("logger").map(text);
        let logger = logger.map_or_else(String::new, |logger| format!(" {logger}"));
        let line = format!(
            "{}{logger}: {}",
            text(&params["level"]),
            text(&params["data"])
        );
        print_line(&terminal::line(&io::stderr(), &line));
    }
}
