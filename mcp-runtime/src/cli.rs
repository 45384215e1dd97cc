//! The command line of a server binary: it serves, and it calls the server's own components.
//!
//! Arguments are parsed with clap. Serving and calling go through `server` only.

mod arguments;
mod ask;
#[cfg(feature = "dev")]
mod bundle;
mod check;
mod collect;
mod commands;
#[cfg(feature = "dev")]
mod completions;
mod connect;
mod content;
mod dialect;
mod environment;
mod flags;
mod functions;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "dev")]
mod install;
mod lints;
mod live;
mod log;
mod log_format;
mod manifest;
mod outline;
mod output;
mod scopes;
mod terminal;
#[cfg(feature = "tls")]
mod tls;
mod values;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::ArgMatches;

use crate::client::ClientError;
use crate::error::chain;
use crate::protocol::error::INVALID_PARAMS;
use crate::server::Server;
use flags::DEV;
pub use lints::Finding;
use log_format::LogFormat;
use output::Failure;

/// The exit code for invalid usage, as in shells.
const USAGE_ERROR: u8 = 2;

/// The exit code for a server that cannot be built or started.
const START_ERROR: u8 = 3;

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
    /// A line that is written while a request is served names the request, such as `request{id=7 trace_id="0af7.."}`, or the
    /// member `request` in JSON. The trace is that of the span or, without one, that of the client, if there is one. Tasks that a
    /// handler spawns belong to no request.
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
    /// # Definitions
    ///
    /// Models read the definitions of a server, so that a changed definition can change what they do. `manifest` prints all
    /// definitions as JSON, and `manifest --write-lock mcp.lock` writes them to a lock file, which accepts them.
    /// `check --lock mcp.lock` reports an error for each definition that was added, removed or changed since then, with the
    /// parts that changed. The lock file belongs into version control, where its difference is reviewed.
    ///
    /// | member | |
    /// |---|---|
    /// | `format` | 1 |
    /// | `definitions` | the definition of the server, then those of its tools, resources, templates and prompts |
    /// | `kind` | `server`, `tool`, `resource` (also of a template) or `prompt` |
    /// | `name` | the name, the URI, or the text of the URI template; definitions of one kind are sorted by it |
    /// | `definition` | what clients of the newest revision receive, and the `scopes`; without the version of the server and the `size` of resources |
    /// | `upstreams` | with [`Server::lock_upstreams`](crate::Server#method.lock_upstreams) and upstream servers: by name, the definitions as each of them sends them; the `kind` of a template is `template` |
    /// | `sha256` | the SHA-256 of `definition` in the canonical form of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), in hexadecimal digits |
    ///
    /// Components that a rule of [`Server::visible`] hides are in the manifest, because it contains what any caller may see.
    /// Components that [`ServerHandle::add`](crate::ServerHandle::add) adds after the start are not: neither the lock file nor
    /// the lints of `check` apply to them, and a program that takes them from outside must check them itself. What a
    /// `list = ..` function returns is data: it is not locked, and the lints apply to what it returns to `check`.
    ///
    /// `check` reports the following in all texts of definitions, with the place and the code points. Icons and `_meta` are
    /// not searched.
    ///
    /// | finding | level |
    /// |---|---|
    /// | invisible, bidirectional and control characters, except where the writing of a language or an emoji needs them | error |
    /// | Latin words with Cyrillic, Greek or Armenian letters that look like Latin ones | error |
    /// | words of such letters alone in a Latin text, and words in letters of mathematics | warning |
    /// | English phrases that instruct the model, such as "ignore previous instructions", "do not tell the user" and `<important>` | error |
    /// | phrases that also occur in descriptions, such as "system prompt" and "hide this from the user" | warning |
    /// | descriptions of tools of more than 1,024 characters, other texts of more than 2,048, and titles of more than 128 | warning |
    ///
    /// # Clients and directories
    ///
    /// `check` reports what some clients refuse with their default settings. `check --client NAME` reports only what one client
    /// refuses (an error), cuts, changes or ignores (warnings), and notes what no definition shows, such as the size of results.
    /// `check --directory` reports what the directories of clients ask for: titles, hints, lengths and icons. Each line has its
    /// public sources; the page `docs/clients.md` has all of them.
    ///
    /// `--dialect` serves the schemas of arguments in another form: see [`Server::schema_dialect`]. `list`, `manifest` and
    /// `check --client` show that form, too.
    ///
    /// # Exit codes
    ///
    /// | code | |
    /// |---|---|
    /// | 0 | success |
    /// | 1 | the tool reports a failure, `check` finds errors, or any other error |
    /// | 2 | the arguments are wrong, or there is no such component |
    /// | 3 | the server cannot be built or started, for a command that needs it |
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
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        if let Err(error) = environment::load(&arguments) {
            LogFormat::Text.error(&error);
            return ExitCode::from(USAGE_ERROR);
        }
        let matches = match arguments::command(&self).try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => return print_clap_error(&error),
        };
        // A command ends at once, and is not part of what the server does.
        let this = match matches.subcommand_name() {
            Some(name) if name != DEV => self.without_exporters(),
            _ => self,
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
            Ok(Err(error)) => {
                log.error(&chain(&*error));
                exit_code(&*error)
            }
            Err(error) => fail(log, &error.to_string()),
        }
    }
}

async fn execute(server: Server, matches: ArgMatches, log: LogFormat) -> Result<ExitCode, Failure> {
    if let Some((name, matches)) = matches.subcommand() {
        #[cfg(feature = "dev")]
        match name {
            "install" | "uninstall" => return install::run(&server.about.name, name, matches),
            #[cfg(feature = "http")]
            DEV => {
                let server = dialect::served(http::configured(server, matches), matches);
                let server = server.playground();
                let listener = http::dev_listener(matches)?;
                return Box::pin(http::serve(server, matches, listener, log)).await;
            }
            "completions" => return completions::run(arguments::command(&server), matches),
            _ => {}
        }
        return commands::execute(server, name, matches, log).await;
    }
    let server = dialect::served(server, &matches);
    #[cfg(feature = "http")]
    if let Some(listener) = http::listener(&matches)? {
        let server = http::configured(server, &matches);
        return Box::pin(http::serve(server, &matches, listener, log)).await;
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

/// Returns the exit code for an error.
fn exit_code(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    match error.downcast_ref() {
        Some(ClientError::Rpc { code, .. }) if *code == i64::from(INVALID_PARAMS) => {
            ExitCode::from(USAGE_ERROR)
        }
        Some(ClientError::Server(_)) => ExitCode::from(START_ERROR),
        _ => ExitCode::FAILURE,
    }
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
    let _ = output::write(&text);
    ExitCode::SUCCESS
}
