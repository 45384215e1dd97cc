//! The command line of a server binary: it serves, and it calls the server's own components.
//!
//! Arguments are parsed with clap. Serving and calling go through `server` only.

mod commands;
mod connect;
mod functions;
mod lints;
mod outline;
mod terminal;
mod values;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::chain;
use crate::server::{ABORT_WARNING, Server};
use commands::Failure;
use terminal::print_line;

/// The default address of `--http`.
#[cfg(feature = "http")]
const DEFAULT_ADDRESS: &str = "127.0.0.1:8000";

/// The exit code for invalid usage, as in shells.
const USAGE_ERROR: u8 = 2;

impl Server {
    /// Runs the command line of the server binary.
    ///
    /// Without arguments it serves MCP over stdio. `--help` lists the other options and commands.
    ///
    /// This method creates its own tokio runtime. Inside of a runtime, call [`Server::serve_stdio`] or
    /// [`Server::serve_http`] instead.
    ///
    /// If the program has no `tracing` subscriber when the server starts, one is installed that sends the events inside of
    /// handlers to clients that ask for log messages, and does nothing else. See [`ForwardLogs`](crate::ForwardLogs).
    ///
    /// ```no_run
    /// fn main() -> std::process::ExitCode {
    ///     mcp_runtime::server!().run()
    /// }
    /// ```
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os().skip(1))
    }

    /// Runs the command line with the given arguments, for a program that parses other arguments of its own first.
    ///
    /// The arguments do not include the name of the program. See [`Server::run`].
    pub fn run_from(
        self,
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> ExitCode {
        let matches = match self.command().try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => return print_clap_error(&error),
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            return fail(
                "`run` creates a tokio runtime and cannot be called inside of one: \
                 call `.serve_stdio().await` or `.serve_http(address).await`",
            );
        }
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("the tokio runtime could not be created: {error}")),
        };
        // Runs on a worker thread, which polls I/O itself; the main thread would have to be woken by a worker.
        let done = runtime.block_on(runtime.spawn(execute(self, matches)));
        // Does not wait for handlers that still run on a thread.
        runtime.shutdown_background();
        match done {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => fail(&chain(&*error)),
            Err(error) => fail(&error.to_string()),
        }
    }

    fn command(&self) -> Command {
        let command = Command::new(self.about.name.clone())
            .version(self.about.version.clone())
            .about("An MCP server. Without arguments, it serves MCP over stdin and stdout.")
            .no_binary_name(true)
            .disable_help_subcommand(true)
            .args_conflicts_with_subcommands(true)
            .subcommand(
                Command::new("list")
                    .about("List tools, resources and prompts")
                    .arg(json_flag())
                    .args(client_arguments()),
            )
            .subcommand(
                Command::new("check")
                    .about("Report what clients or models may not handle, and functions that fail to list or complete; the exit code is 1 if there are errors")
                    .arg(
                        Arg::new("deny-warnings")
                            .long("deny-warnings")
                            .action(ArgAction::SetTrue)
                            .help("Let the exit code be 1 also for warnings, which concern some settings of single clients"),
                    )
                    .args(client_arguments()),
            )
            .subcommand(
                Command::new("call")
                    .about("Call a tool and print its result")
                    .args([name_argument("TOOL"), pairs_argument(), json_flag()])
                    .args(client_arguments()),
            )
            .subcommand(
                Command::new("read")
                    .about("Read a resource and print it")
                    .args([name_argument("URI"), json_flag()])
                    .args(client_arguments()),
            )
            .subcommand(
                Command::new("prompt")
                    .about("Get a prompt and print its messages")
                    .args([name_argument("PROMPT"), pairs_argument(), json_flag()])
                    .args(client_arguments()),
            );
        #[cfg(feature = "http")]
        let command = command.arg(
            Arg::new("http")
                .long("http")
                .value_name("ADDRESS")
                .num_args(0..=1)
                .default_missing_value(DEFAULT_ADDRESS)
                .help(format!(
                    "Serve Streamable HTTP at {} instead of stdio [default: {DEFAULT_ADDRESS}]",
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
        .help("Print JSON")
}

fn name_argument(value_name: &'static str) -> Arg {
    Arg::new("name").value_name(value_name).required(true)
}

fn pairs_argument() -> Arg {
    Arg::new("pairs")
        .value_name("NAME=VALUE")
        .num_args(0..)
        .help("Arguments; a value is a string, or JSON if the schema declares another type")
}

/// Returns the options that describe the client of a command.
fn client_arguments() -> [Arg; 3] {
    [
        Arg::new("header")
            .long("header")
            .value_name("NAME: VALUE")
            .action(ArgAction::Append)
            .help("Send a header, as over HTTP; may be repeated"),
        Arg::new("traceparent")
            .long("traceparent")
            .value_name("TRACEPARENT")
            .help("Send the position in a trace (W3C Trace Context)"),
        Arg::new("log-level")
            .long("log-level")
            .value_name("LEVEL")
            .help("Ask for log messages of at least this level, such as `info`, and print them to stderr"),
    ]
}

async fn execute(server: Server, matches: ArgMatches) -> Result<ExitCode, Failure> {
    if let Some((name, matches)) = matches.subcommand() {
        return commands::execute(server, name, matches).await;
    }
    server.install_forwarding();
    if let Some(warning) = ABORT_WARNING {
        print_line(&format!("warning: {warning}"));
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
    print_line(&format!(
        "Serving MCP at http://{address}{} (health: http://{address}/health). Ctrl-C stops the server.",
        endpoint_path(&server)
    ));
    server.serve_listener(listener).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "http")]
fn endpoint_path(server: &Server) -> &str {
    server.http.path.as_deref().unwrap_or_default()
}

/// Prints a hint for a person who starts the server in a terminal.
fn banner(server: &Server) {
    print_line(&format!(
        "{} {} is waiting for an MCP client on stdin. Clients start the server themselves; \
         `--help` lists what you can run by hand, such as `list`, `call` and `--http`. Ctrl-D stops the server.",
        server.about.name, server.about.version
    ));
}

fn fail(message: &str) -> ExitCode {
    print_line(&format!("error: {message}"));
    ExitCode::FAILURE
}

/// Prints the help, the version, or the error in the arguments.
fn print_clap_error(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        print_line(text.trim_end());
        return ExitCode::from(USAGE_ERROR);
    }
    // If stdout cannot be written, there is no other place for the text.
    let _ = commands::write(&text);
    ExitCode::SUCCESS
}
