//! The command line of a server binary: it serves, and it calls the server's own components.
//!
//! Arguments are parsed with clap. Serving and calling go through `server` only.

mod commands;
mod connect;
mod functions;
#[cfg(feature = "http")]
mod http;
mod lints;
mod log;
mod log_format;
mod outline;
mod terminal;
mod values;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::error::chain;
use crate::server::Server;
use commands::Failure;
use log_format::LogFormat;

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
    /// # Log
    ///
    /// Warnings and errors are written to stderr. `--log LEVEL|FILTER` selects other events, such as `info` (one event for
    /// each request) or `my_crate=debug,warn`; the environment variable `RUST_LOG` is its default. `--log-format json`
    /// writes one JSON object per line. Control characters are escaped, so that no text of a client looks like a line of
    /// the log.
    ///
    /// The event of a request has the target `mcp_runtime::request` and these fields. It has no arguments, results or tokens.
    ///
    /// | field | |
    /// |---|---|
    /// | `method` | the method, or `_OTHER` if the protocol has no such method |
    /// | `component` | the name of a tool or prompt, or the URI template of a resource; `_OTHER` if the server has no such component |
    /// | `outcome` | [`OutcomeKind::as_str`](crate::OutcomeKind::as_str) |
    /// | `code` | the code of a JSON-RPC error |
    /// | `duration_ms` | the duration in milliseconds |
    /// | `bytes_in`, `bytes_out` | the length of the request, and of its reply |
    /// | `era`, `revision` | `modern` or `legacy`, and the revision of the protocol |
    /// | `transport` | `stdio`, `http`, `memory` or `custom` |
    /// | `session` | a short id of the session, which clients do not know |
    /// | `principal` | the [`Principal`](crate::Principal) of the caller |
    /// | `trace_id` | the id of the distributed trace |
    ///
    /// If the program has its own `tracing` subscriber, this method installs none. Otherwise it installs one that also
    /// sends the events of handlers to clients that ask for log messages ([`forward_logs`](crate::forward_logs)), and, to
    /// serve, a panic hook that logs where a panic happened.
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
        // A command ends at once, and is not part of what the server does.
        let this = match matches.subcommand() {
            Some(_) => self.without_exporters(),
            None => self,
        };
        let log = log::install(&this, &matches);
        if tokio::runtime::Handle::try_current().is_ok() {
            return fail(
                log,
                "`run` creates a tokio runtime and cannot be called inside of one: \
                 call `.serve_stdio().await` or `.serve_http(address).await`",
            );
        }
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all();
        if std::thread::available_parallelism().is_ok_and(|threads| threads.get() == 1) {
            // With one worker thread, an async handler that blocks it would also block the shutdown.
            builder.worker_threads(2);
        }
        let runtime = match builder.build() {
            Ok(runtime) => runtime,
            Err(error) => {
                return fail(
                    log,
                    &format!("the tokio runtime could not be created: {error}"),
                );
            }
        };
        // Runs on a worker thread, which polls I/O itself; the main thread would have to be woken by a worker.
        let done = runtime.block_on(runtime.spawn(execute(this, matches, log)));
        // Does not wait for handlers that still run on a thread.
        runtime.shutdown_background();
        match done {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => fail(log, &chain(&*error)),
            Err(error) => fail(log, &error.to_string()),
        }
    }

    fn command(&self) -> Command {
        let command = Command::new(self.about.name.clone())
            .version(self.about.version.clone())
            .about("An MCP server. Without arguments, it serves MCP over stdin and stdout.")
            .no_binary_name(true)
            .disable_help_subcommand(true)
            .args_conflicts_with_subcommands(true)
            .args(log::arguments())
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
        let command = http::add_options(command, self);
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

async fn execute(server: Server, matches: ArgMatches, log: LogFormat) -> Result<ExitCode, Failure> {
    if let Some((name, matches)) = matches.subcommand() {
        return commands::execute(server, name, matches, log).await;
    }
    #[cfg(feature = "http")]
    if let Some(listener) = http::listener(&matches)? {
        return http::serve(server, &matches, listener, log).await;
    }
    if io::stdin().is_terminal() {
        banner(&server, log);
    }
    server.serve_stdio().await?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a hint for a person who starts the server in a terminal.
fn banner(server: &Server, log: LogFormat) {
    log.notice(&format!(
        "{} {} is waiting for an MCP client on stdin. Clients start the server themselves; \
         `--help` lists what you can run by hand, such as `list`, `call` and `--http`. Ctrl-D stops the server.",
        server.about.name, server.about.version
    ));
}

fn fail(log: LogFormat, message: &str) -> ExitCode {
    log.error(message);
    ExitCode::FAILURE
}

/// Prints the help, the version, or the error in the arguments.
fn print_clap_error(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        LogFormat::Text.notice(text.trim_end());
        return ExitCode::from(USAGE_ERROR);
    }
    // If stdout cannot be written, there is no other place for the text.
    let _ = commands::write(&text);
    ExitCode::SUCCESS
}
