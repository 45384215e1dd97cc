//! The binary's own command line: the server that a binary holds, and a client for its author.
//!
//! It parses with clap, and serves and calls through `server` alone.

mod commands;
mod lints;
mod terminal;
mod values;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::server::{ABORTS, Server};
use commands::Failure;

/// Where `--http` listens if it is not told.
#[cfg(feature = "http")]
const ADDRESS: &str = "127.0.0.1:8000";

/// Exit code of a usage that makes no sense, as shells have it.
const USAGE: u8 = 2;

impl Server {
    /// Runs the binary's command line: MCP over stdio without arguments, and `--help` tells the rest.
    ///
    /// It makes its own tokio runtime. Inside of one, call [`Server::serve_stdio`] or [`Server::serve_http`].
    ///
    /// Where the program has no `tracing` subscriber when it begins to serve, it gets one that only sends the events
    /// inside of handlers to clients that ask for them: see [`ForwardLogs`](crate::ForwardLogs).
    ///
    /// ```no_run
    /// fn main() -> std::process::ExitCode {
    ///     mcp_runtime::server!().run()
    /// }
    /// ```
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os().skip(1))
    }

    /// [`Server::run`] with these arguments, for a program that takes some of its own before them.
    ///
    /// The name of the program is not among them.
    pub fn run_from(
        self,
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> ExitCode {
        let matches = match self.command().try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => return explain(&error),
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            return fail(
                "`run` makes a tokio runtime and cannot do so inside of one: \
                 call `.serve_stdio().await` or `.serve_http(address).await`",
            );
        }
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("no tokio runtime could be made: {error}")),
        };
        // On a worker, which sees input at once; the main thread would be woken by one.
        let done = runtime.block_on(runtime.spawn(execute(self, matches)));
        // A handler that still runs on a thread is not waited for.
        runtime.shutdown_background();
        match done {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => fail(&error.to_string()),
            Err(error) => fail(&error.to_string()),
        }
    }

    fn command(&self) -> Command {
        let command = Command::new(self.about.name.clone())
            .version(self.about.version.clone())
            .about("An MCP server. Without arguments it speaks MCP over stdin and stdout.")
            .no_binary_name(true)
            .disable_help_subcommand(true)
            .args_conflicts_with_subcommands(true)
            .subcommand(
                Command::new("list")
                    .about("List tools, resources and prompts")
                    .arg(json_flag()),
            )
            .subcommand(Command::new("check").about(
                "Say what clients or models would stumble over; exit code 1 if there is anything",
            ))
            .subcommand(
                Command::new("call")
                    .about("Call a tool and print its result")
                    .args([name_argument("TOOL"), pairs_argument(), json_flag()]),
            )
            .subcommand(
                Command::new("read")
                    .about("Read a resource and print it")
                    .args([name_argument("URI"), json_flag()]),
            )
            .subcommand(
                Command::new("prompt")
                    .about("Get a prompt and print its messages")
                    .args([name_argument("PROMPT"), pairs_argument(), json_flag()]),
            );
        #[cfg(feature = "http")]
        let command = command.arg(
            Arg::new("http")
                .long("http")
                .value_name("ADDRESS")
                .num_args(0..=1)
                .default_missing_value(ADDRESS)
                .help(format!(
                    "Serve Streamable HTTP at {} instead [default: {ADDRESS}]",
                    endpoint_path(self)
                )),
        );
        command
    }
}

fn json_flag() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON, for programs")
}

fn name_argument(what: &'static str) -> Arg {
    Arg::new("name").value_name(what).required(true)
}

fn pairs_argument() -> Arg {
    Arg::new("pairs")
        .value_name("NAME=VALUE")
        .num_args(0..)
        .help("Arguments; a value is a text, or JSON where the schema asks for something else")
}

async fn execute(server: Server, matches: ArgMatches) -> Result<ExitCode, Failure> {
    if let Some((name, matches)) = matches.subcommand() {
        return commands::execute(server, name, matches).await;
    }
    server.install_forwarding();
    if let Some(warning) = ABORTS {
        say(&format!("warning: {warning}"));
    }
    #[cfg(feature = "http")]
    if let Some(address) = matches.get_one::<String>("http") {
        return serve_http(server, address).await;
    }
    if io::stdin().is_terminal() {
        banner(&server);
    }
    server.serve_stdio().await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "http")]
async fn serve_http(server: Server, address: &str) -> Result<ExitCode, Failure> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let address = listener.local_addr()?;
    say(&format!(
        "Serving MCP at http://{address}{} (health: http://{address}/health). Ctrl-C stops it.",
        endpoint_path(&server)
    ));
    server.serve_listener(listener).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "http")]
fn endpoint_path(server: &Server) -> &str {
    server.http.path.as_deref().unwrap_or_default()
}

/// What a person reads who starts the server by hand.
fn banner(server: &Server) {
    say(&format!(
        "{} {} is waiting for an MCP client on stdin. A client starts it by itself; \
         `--help` tells what you can do by hand, such as `list`, `call` and `--http`. Ctrl-D ends it.",
        server.about.name, server.about.version
    ));
}

/// Writes a line to stderr, whether or not anybody reads it.
fn say(line: &str) {
    let mut stderr = io::stderr();
    let line = terminal::text(&stderr, line);
    let _ = writeln!(stderr, "{line}");
}

fn fail(message: &str) -> ExitCode {
    say(&format!("error: {message}"));
    ExitCode::FAILURE
}

/// Prints help, the version, or what is wrong with the arguments.
fn explain(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        say(text.trim_end());
        return ExitCode::from(USAGE);
    }
    // Where this cannot be written nothing can.
    let _ = commands::write(&text);
    ExitCode::SUCCESS
}
