//! The options that serve Streamable HTTP, from the command line or the environment.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::commands::Failure;
use super::print_line;
use crate::server::Server;

/// The default address of `--http`.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8000";

/// The options that have an effect only together with `--http` or `--unix`.
const ENDPOINT_OPTIONS: [&str; 3] = ["path", "allow-host", "allow-origin"];

/// Adds the options to a command.
pub(super) fn add_options(command: Command, server: &Server) -> Command {
    let path = endpoint_path(server);
    let command = command
        .arg(
            Arg::new("http")
                .long("http")
                .env("MCP_HTTP")
                .value_name("ADDRESS")
                .num_args(0..=1)
                .default_missing_value(DEFAULT_ADDRESS)
                .value_parser(NonEmptyStringValueParser::new())
                .help(format!(
                    "Serve Streamable HTTP at {path} instead of stdio [default: {DEFAULT_ADDRESS}]"
                )),
        )
        .arg(
            Arg::new("path")
                .long("path")
                .env("MCP_PATH")
                .value_name("PATH")
                .value_parser(NonEmptyStringValueParser::new())
                .help(format!("The path of the HTTP endpoint [default: {path}]")),
        )
        .arg(list("allow-host", "MCP_ALLOW_HOST", "HOST").help(
            "Answer HTTP requests for this host, in addition to localhost; repeat it, or separate hosts by commas",
        ))
        .arg(list("allow-origin", "MCP_ALLOW_ORIGIN", "ORIGIN").help(
            "Answer HTTP requests of web pages of this origin, such as https://example.com; repeat it, or separate origins by commas",
        ));
    if cfg!(unix) {
        command.arg(
            Arg::new("unix")
                .long("unix")
                .env("MCP_UNIX")
                .value_name("SOCKET")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("http")
                .help("Serve Streamable HTTP on this Unix socket instead of stdio"),
        )
    } else {
        command
    }
}

/// Returns an option with several values.
fn list(name: &'static str, variable: &'static str, value_name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .env(variable)
        .value_name(value_name)
        .value_delimiter(',')
        .action(ArgAction::Append)
}

/// The place where a server listens.
pub(super) enum Listener<'a> {
    Address(&'a str),
    Socket(&'a PathBuf),
}

/// Returns the place where the server listens; `None` if it serves stdio.
///
/// # Errors
/// Returns an error if an option of the endpoint is given on the command line without `--http` or `--unix`. In the environment
/// such options may be set for all servers of a container.
pub(super) fn listener(matches: &ArgMatches) -> Result<Option<Listener<'_>>, Failure> {
    if let Some(address) = matches.get_one::<String>("http") {
        return Ok(Some(Listener::Address(address)));
    }
    if cfg!(unix)
        && let Some(path) = matches.get_one("unix")
    {
        return Ok(Some(Listener::Socket(path)));
    }
    let mut given = ENDPOINT_OPTIONS.into_iter();
    match given.find(|name| matches.value_source(name) == Some(ValueSource::CommandLine)) {
        Some(name) => Err(format!("`--{name}` has no effect without `--http` or `--unix`").into()),
        None => Ok(None),
    }
}

/// Serves HTTP with the options of the endpoint.
pub(super) async fn serve(
    mut server: Server,
    matches: &ArgMatches,
    listener: Listener<'_>,
) -> Result<ExitCode, Failure> {
    if let Some(path) = matches.get_one::<String>("path") {
        server = server.http_path(path);
    }
    for host in values(matches, "allow-host") {
        server = server.allow_host(host);
    }
    for origin in values(matches, "allow-origin") {
        server = server.allow_origin(origin);
    }
    match listener {
        Listener::Address(address) => serve_tcp(server, address).await?,
        Listener::Socket(path) => serve_unix(server, path).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn values<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    let values = matches.get_many::<String>(name).into_iter().flatten();
    let values = values.map(|value| value.trim());
    // A variable may be set and empty.
    values.filter(|value| !value.is_empty())
}

async fn serve_tcp(server: Server, address: &str) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let address = listener.local_addr()?;
    print_line(&format!(
        "Serving MCP at http://{address}{} (health: http://{address}/health). Ctrl-C stops the server.",
        endpoint_path(&server)
    ));
    Ok(server.serve_listener(listener).await?)
}

#[cfg(unix)]
async fn serve_unix(server: Server, path: &PathBuf) -> Result<(), Failure> {
    let shown = path.display();
    let socket = crate::server::UnixSocket::bind(path)
        .map_err(|error| format!("cannot listen on `{shown}`: {error}"))?;
    print_line(&format!(
        "Serving MCP on the Unix socket `{shown}` at {}. Ctrl-C stops the server.",
        endpoint_path(&server)
    ));
    Ok(server.serve_unix_socket(socket).await?)
}

#[cfg(not(unix))]
async fn serve_unix(_: Server, _: &PathBuf) -> Result<(), Failure> {
    Err("Unix sockets need a Unix system".into())
}

fn endpoint_path(server: &Server) -> &str {
    server.http.path.as_deref().unwrap_or_default()
}
