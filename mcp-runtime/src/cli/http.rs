//! The options that serve Streamable HTTP, from the command line or the environment.

use std::path::Path;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::commands::Failure;
use super::log_format::LogFormat;
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
                .help(format!(
                    "Serve Streamable HTTP at {path} instead of stdio [default: {DEFAULT_ADDRESS}]"
                )),
        )
        .arg(
            Arg::new("path")
                .long("path")
                .env("MCP_PATH")
                .value_name("PATH")
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
    Socket(&'a Path),
}

/// Returns the place where the server listens; `None` if it serves stdio. The command line overrides the environment.
///
/// # Errors
/// Returns an error if there are two places, or if an option of the endpoint is on the command line without a place. In the
/// environment, such options may be set for all servers of a container.
pub(super) fn listener(matches: &ArgMatches) -> Result<Option<Listener<'_>>, Failure> {
    let is_on_line = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    match places(matches) {
        (Some(_), Some(_)) if is_on_line("http") == is_on_line("unix") => {
            Err("`--http` (MCP_HTTP) and `--unix` (MCP_UNIX) exclude each other: remove one".into())
        }
        (address, Some(socket)) if address.is_none() || is_on_line("unix") => Ok(Some(socket)),
        (Some(address), _) => Ok(Some(address)),
        _ => match ENDPOINT_OPTIONS.into_iter().find(|name| is_on_line(name)) {
            Some(name) => {
                Err(format!("`--{name}` has no effect without `--http` or `--unix`").into())
            }
            None => Ok(None),
        },
    }
}

/// Returns the address and the socket that the options name.
fn places(matches: &ArgMatches) -> (Option<Listener<'_>>, Option<Listener<'_>>) {
    let address = value(matches, "http").map(Listener::Address);
    let socket = if cfg!(unix) {
        value(matches, "unix")
    } else {
        None
    };
    let socket = socket.map(|path| Listener::Socket(Path::new(path)));
    (address, socket)
}

/// Serves HTTP with the options of the endpoint.
pub(super) async fn serve(
    mut server: Server,
    matches: &ArgMatches,
    listener: Listener<'_>,
    log: LogFormat,
) -> Result<ExitCode, Failure> {
    if let Some(path) = value(matches, "path") {
        server = server.http_path(path);
    }
    for host in values(matches, "allow-host") {
        server = server.allow_host(host);
    }
    for origin in values(matches, "allow-origin") {
        server = server.allow_origin(origin);
    }
    match listener {
        Listener::Address(address) => serve_tcp(server, address, log).await?,
        Listener::Socket(path) => serve_unix(server, path, log).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the value of an option. A variable that is set to nothing counts as not set.
fn value<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    let is_variable = matches.value_source(name) == Some(ValueSource::EnvVariable);
    let value = matches.get_one::<String>(name)?;
    (!is_variable || !value.is_empty()).then_some(value)
}

fn values<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    let values = matches.get_many::<String>(name).into_iter().flatten();
    let values = values.map(|value| value.trim());
    values.filter(|value| !value.is_empty())
}

async fn serve_tcp(server: Server, address: &str, log: LogFormat) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let address = listener.local_addr()?;
    log.notice(&format!(
        "Serving MCP at http://{address}{} (health: http://{address}/health). Ctrl-C stops the server.",
        endpoint_path(&server)
    ));
    Ok(server.serve_listener(listener).await?)
}

#[cfg(unix)]
async fn serve_unix(server: Server, path: &Path, log: LogFormat) -> Result<(), Failure> {
    let shown = path.display();
    let socket = crate::server::UnixSocket::bind(path)
        .map_err(|error| format!("cannot listen on `{shown}`: {error}"))?;
    log.notice(&format!(
        "Serving MCP on the Unix socket `{shown}` at {}. Ctrl-C stops the server.",
        endpoint_path(&server)
    ));
    Ok(server.serve_unix_socket(socket).await?)
}

#[cfg(not(unix))]
async fn serve_unix(_: Server, _: &Path, _: LogFormat) -> Result<(), Failure> {
    Err("Unix sockets need a Unix system".into())
}

fn endpoint_path(server: &Server) -> &str {
    server.http.path.as_deref().unwrap_or_default()
}
