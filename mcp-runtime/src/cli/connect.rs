//! The client of a command: its headers, its trace, its log level, and the person who answers questions.

use clap::ArgMatches;
use serde_json::json;

use super::ask;
use crate::client::ClientBuilder;
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
    Ok(match ask::person() {
        Some(person) => client.answer_with(person),
        None => client,
    })
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
