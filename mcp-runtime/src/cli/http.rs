//! The options that serve Streamable HTTP, from the command line or the environment.

use std::path::Path;
use std::process::ExitCode;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::log_format::LogFormat;
use super::output::Failure;
#[cfg(feature = "tls")]
use super::tls;
#[cfg(feature = "auth")]
use crate::auth::Auth;
use crate::server::Server;

/// The default address of `--http`.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8000";

/// The options that have an effect only together with `--http` or `--unix`.
const ENDPOINT_OPTIONS: &[&str] = &[
    "path",
    "allow-host",
    "allow-origin",
    "trust-proxy",
    INSECURE,
    #[cfg(feature = "auth")]
    API_KEYS_FILE,
    #[cfg(feature = "auth")]
    RESOURCE_URL,
];

/// The options that have an effect only together with `--http`.
#[cfg(feature = "tls")]
const TLS_OPTIONS: &[&str] = tls::NAMES;
#[cfg(not(feature = "tls"))]
const TLS_OPTIONS: &[&str] = &[];

const INSECURE: &str = "insecure";

#[cfg(feature = "auth")]
const API_KEYS_FILE: &str = "api-keys-file";
#[cfg(feature = "auth")]
const RESOURCE_URL: &str = "resource-url";

/// The variable with API keys, which the command line must not show.
#[cfg(feature = "auth")]
const API_KEYS: &str = "MCP_API_KEYS";

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
        .args(tls_options())
        .args(authorization_options())
        .arg(list("allow-host", "MCP_ALLOW_HOST", "HOST").help(
            "Answer HTTP requests for this host, in addition to localhost; repeat it, or separate hosts by commas",
        ))
        .arg(list("allow-origin", "MCP_ALLOW_ORIGIN", "ORIGIN").help(
            "Answer HTTP requests of web pages of this origin, such as https://example.com; repeat it, or separate origins by commas",
        ))
        .arg(list("trust-proxy", "MCP_TRUST_PROXY", "NETWORK").help(
            "Believe the X-Forwarded-For of proxies in this network, such as 10.0.0.0/8, in addition to this machine; repeat it, or separate networks by commas",
        ))
        .arg(
            Arg::new(INSECURE)
                .long(INSECURE)
                .env("MCP_INSECURE")
                .action(ArgAction::SetTrue)
                .value_parser(FalseyValueParser::new())
                .help("Serve an address that other machines can reach without authorization"),
        );
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

/// Returns the options of TLS.
fn tls_options() -> Vec<Arg> {
    #[cfg(feature = "tls")]
    return tls::options();
    #[cfg(not(feature = "tls"))]
    Vec::new()
}

/// Returns the options of authentication.
fn authorization_options() -> Vec<Arg> {
    #[cfg(feature = "auth")]
    let options = vec![
        Arg::new(API_KEYS_FILE)
            .long(API_KEYS_FILE)
            .env("MCP_API_KEYS_FILE")
            .value_name("FILE")
            .help(format!(
                "Accept the API keys in this file over HTTP: lines of a principal, a key and its scopes; {API_KEYS} takes the \
                 same, separated by `;`"
            )),
        Arg::new(RESOURCE_URL)
            .long(RESOURCE_URL)
            .env("MCP_RESOURCE_URL")
            .value_name("URL")
            .help("The URL of the HTTP endpoint as clients know it, such as https://api.example.com/mcp"),
    ];
    #[cfg(not(feature = "auth"))]
    let options = Vec::new();
    options
}

/// Adds the API keys and the URL that the options name.
#[cfg(feature = "auth")]
fn authorized(mut server: Server, matches: &ArgMatches) -> Server {
    if let Some(path) = value(matches, API_KEYS_FILE) {
        server = server.auth(Auth::api_keys_from_file(path));
    }
    if std::env::var_os(API_KEYS).is_some_and(|keys| !keys.is_empty()) {
        server = server.auth(Auth::api_keys_from_env(API_KEYS));
    }
    match value(matches, RESOURCE_URL) {
        Some(url) => server.resource_url(url),
        None => server,
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
    let place = place(matches)?;
    let without =
        |options: &[&str], needed| match options.iter().find(|name| is_on_line(matches, name)) {
            Some(name) => Err(format!("`--{name}` has no effect without {needed}")),
            None => Ok(()),
        };
    if place.is_none() {
        without(ENDPOINT_OPTIONS, "`--http` or `--unix`")?;
    }
    if !matches!(place, Some(Listener::Address(_))) {
        without(TLS_OPTIONS, "`--http`")?;
    }
    Ok(place)
}

/// Returns the place where `dev` listens.
#[cfg(feature = "dev")]
pub(super) fn dev_listener(matches: &ArgMatches) -> Result<Listener<'_>, Failure> {
    Ok(place(matches)?.unwrap_or(Listener::Address(DEFAULT_ADDRESS)))
}

fn is_on_line(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

fn place(matches: &ArgMatches) -> Result<Option<Listener<'_>>, Failure> {
    let is_on_line = |name| is_on_line(matches, name);
    match places(matches) {
        (Some(_), Some(_)) if is_on_line("http") == is_on_line("unix") => {
            Err("`--http` (MCP_HTTP) and `--unix` (MCP_UNIX) exclude each other: remove one".into())
        }
        (address, Some(socket)) if address.is_none() || is_on_line("unix") => Ok(Some(socket)),
        (address, _) => Ok(address),
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

/// Returns the server with the options of the endpoint.
pub(super) fn configured(mut server: Server, matches: &ArgMatches) -> Server {
    if let Some(path) = value(matches, "path") {
        server = server.http_path(path);
    }
    for host in values(matches, "allow-host") {
        server = server.allow_host(host);
    }
    for origin in values(matches, "allow-origin") {
        server = server.allow_origin(origin);
    }
    for network in values(matches, "trust-proxy") {
        server = server.trust_proxy(network);
    }
    if matches.get_flag(INSECURE) {
        server = server.insecure();
    }
    #[cfg(feature = "auth")]
    let server = authorized(server, matches);
    server
}

/// Serves HTTP.
#[cfg_attr(not(feature = "tls"), allow(unused_variables))] // there is no encryption
pub(super) async fn serve(
    server: Server,
    matches: &ArgMatches,
    listener: Listener<'_>,
    log: LogFormat,
) -> Result<ExitCode, Failure> {
    #[cfg(feature = "tls")]
    let server = tls::encrypted(server, |name| value(matches, name))?;
    match listener {
        Listener::Address(address) => Box::pin(serve_tcp(server, address, log)).await?,
        Listener::Socket(path) => Box::pin(serve_unix(server, path, log)).await?,
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
    server.refuse_exposure(&listener)?;
    server.encryption()?;
    let origin = format!("{}://{}", scheme(&server), listener.local_addr()?);
    #[cfg(feature = "dev")]
    if server.http.playground.is_some() {
        log.notice(&format!("Playground: {origin}/"));
    }
    log.notice(&format!(
        "Serving MCP at {origin}{} (health: {origin}/health). Ctrl-C stops the server.",
        endpoint_path(&server)
    ));
    Ok(server.serve_listener(listener).await?)
}

fn scheme(server: &Server) -> &'static str {
    #[cfg(feature = "tls")]
    if server.http.tls.is_some() {
        return "https";
    }
    #[cfg(not(feature = "tls"))]
    let _ = server;
    "http"
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
