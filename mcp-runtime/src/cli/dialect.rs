//! The option `--dialect`: the form in which schemas are sent.

use clap::builder::PossibleValue;
use clap::{Arg, ArgMatches};

use super::lints;
use crate::schema::SchemaDialect;
use crate::server::Server;

const DIALECT: &str = "dialect";

/// The values of the option.
const VALUES: [(&str, &str, SchemaDialect); 3] = [
    (
        "gemini",
        "What Gemini takes in function declarations",
        SchemaDialect::Gemini,
    ),
    (
        "openai",
        "What OpenAI takes in strict functions",
        SchemaDialect::OpenAi,
    ),
    (
        "client",
        "That of the client's model, if its name tells it, and JSON Schema for all others",
        SchemaDialect::ByClient,
    ),
];

/// Returns the option.
pub(super) fn argument() -> Arg {
    let values = VALUES.map(|(name, help, _)| PossibleValue::new(name).help(help));
    Arg::new(DIALECT)
        .long(DIALECT)
        .value_name("FORM")
        .value_parser(values)
        .hide_possible_values(true)
        .help("Send the schemas of arguments in the form of a model: gemini, openai, or that of the client [default: JSON Schema]")
}

/// Returns the value of the option, which not every command has.
fn value(matches: &ArgMatches) -> Option<SchemaDialect> {
    let name = matches.try_get_one::<String>(DIALECT).ok().flatten()?;
    let known = VALUES.iter().find(|(known, ..)| known == name);
    known.map(|(_, _, dialect)| *dialect)
}

/// Returns a server that serves in the form that the option names, if it is given.
pub(super) fn served(server: Server, matches: &ArgMatches) -> Server {
    match value(matches) {
        Some(dialect) => server.schema_dialect(dialect),
        None => server,
    }
}

/// Returns a server whose schemas have the form that a command shows: that of clients for `list`, that of one client for
/// `check --client`, and the original one for all others, unless the option names another.
pub(super) fn shown(server: Server, command: &str, matches: &ArgMatches) -> Server {
    let own = server.dialect();
    let client = matches.try_get_one::<String>("client").ok().flatten();
    let client = client.and_then(|name| lints::clients::client(name));
    let shown = match (command, client) {
        ("list", _) => value(matches).or(own),
        ("check", Some(client)) => {
            let dialect = value(matches).or(own);
            let mut names = client.introduced_as.iter().copied();
            dialect.and_then(|dialect| dialect.fixed(names.next().unwrap_or_default()))
        }
        _ => value(matches),
    };
    server.in_dialect(shown)
}
