//! The whole command line, as clap parses it.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command, value_parser};

use super::flags::json_flag;
#[cfg(feature = "http")]
use super::http;
#[cfg(feature = "dev")]
use super::{bundle, completions, install};
use super::{dialect, environment, lints, log};
use crate::server::Server;

/// The path of the lock file, if neither the command line nor the server has one.
const LOCK_FILE: &str = "mcp.lock";

/// Returns the command line of a server.
pub(super) fn command(server: &Server) -> Command {
    let lock_file = server.lock_path();
    let lock_file = lock_file.unwrap_or(Path::new(LOCK_FILE));
    let command = Command::new(server.about.name.clone())
        .version(server.about.version.clone())
        .about("An MCP server. Without arguments, it serves MCP over stdin and stdout.")
        .no_binary_name(true)
        .disable_help_subcommand(true)
        .args_conflicts_with_subcommands(true)
        .args(log::arguments())
        .args([environment::argument(), dialect::argument()])
        .subcommands([
            list(),
            check(lock_file),
            manifest(lock_file),
            call(),
            read(),
            prompt(),
            complete(),
        ]);
    #[cfg(feature = "dev")]
    let command = command
        .subcommands(install::commands())
        .subcommands([completions::command(), bundle::command()]);
    #[cfg(all(feature = "dev", feature = "http"))]
    let command = command.subcommand(http::add_options(
        Command::new(super::flags::DEV)
            .about("Serve Streamable HTTP, with a page that lists and calls the components at /")
            .arg(dialect::argument()),
        server,
    ));
    #[cfg(feature = "http")]
    let command = http::add_options(command, server);
    command
}

fn list() -> Command {
    Command::new("list")
        .about("List tools, resources and prompts")
        .args([json_flag(), dialect::argument()])
        .args(client_arguments())
}

fn check(lock_file: &Path) -> Command {
    let deny_warnings = Arg::new("deny-warnings")
        .long("deny-warnings")
        .action(ArgAction::SetTrue)
        .help("Let the exit code be 1 also for warnings, which concern some settings of single clients, or need the judgement of a person");
    let lock = lock_argument("lock", lock_file).help(format!(
        "Report definitions that were added, removed or changed after the lock file was written [default: {}]",
        lock_file.display()
    ));
    let clients = lints::clients::CLIENTS.iter();
    let clients = clients.map(|client| PossibleValue::new(client.name).help(client.title));
    let client = Arg::new("client")
        .long("client")
        .value_name("NAME")
        .value_parser(clients.collect::<Vec<_>>())
        .conflicts_with("lock")
        .help("Report only what this client refuses, cuts, changes or ignores, with sources");
    let directory = Arg::new("directory")
        .long("directory")
        .action(ArgAction::SetTrue)
        .conflicts_with("lock")
        .help("Report only what the directories of Claude and ChatGPT, and the MCP registry, ask for, with sources");
    Command::new("check")
        .about("Report what clients or models may not handle, and functions that fail to list or complete; the exit code is 1 if there are errors")
        .args([deny_warnings, json_flag(), lock])
        .args([client, directory, dialect::argument().requires("client")])
        .args(client_arguments())
}

fn manifest(lock_file: &Path) -> Command {
    let write_lock = lock_argument("write-lock", lock_file).help(format!(
        "Write them to a lock file instead, which accepts them for `check --lock` [default: {}]",
        lock_file.display()
    ));
    Command::new("manifest")
        .about("Print all definitions with their SHA-256 as JSON")
        .args([
            write_lock,
            dialect::argument().conflicts_with("write-lock"),
            json_flag().help("Print JSON, also of what was written"),
        ])
}

fn call() -> Command {
    Command::new("call")
        .about("Call a tool and print its result")
        .args([name_argument("TOOL"), pairs_argument(), whole_argument()])
        .args([out_argument(), json_flag()])
        .args(client_arguments())
}

fn read() -> Command {
    Command::new("read")
        .about("Read a resource and print it")
        .args([name_argument("URI"), out_argument(), json_flag()])
        .args(client_arguments())
}

fn prompt() -> Command {
    Command::new("prompt")
        .about("Get a prompt and print its messages")
        .args([name_argument("PROMPT"), pairs_argument(), whole_argument()])
        .args([out_argument(), json_flag()])
        .args(client_arguments())
}

fn complete() -> Command {
    let argument = Arg::new("argument").value_name("ARGUMENT").required(true);
    let value = Arg::new("value")
        .value_name("VALUE")
        .help("The start of the value");
    Command::new("complete")
        .about("Complete an argument of a prompt, or a variable of a resource template")
        .args([
            name_argument("PROMPT|TEMPLATE"),
            argument,
            value,
            json_flag(),
        ])
        .args(client_arguments())
}

/// Returns an option with the path of a lock file.
fn lock_argument(name: &'static str, default: &Path) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("FILE")
        .num_args(0..=1)
        .default_missing_value(default.as_os_str().to_owned())
        .value_parser(value_parser!(PathBuf))
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

fn whole_argument() -> Arg {
    Arg::new("arguments")
        .long("arguments")
        .value_name("JSON")
        .help("The arguments as a JSON object; `-` reads it from stdin")
}

fn out_argument() -> Arg {
    Arg::new("out")
        .long("out")
        .value_name("PATH")
        .value_parser(value_parser!(PathBuf))
        .help("Save images, audio and resources: a file for one of them, a folder for several")
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
            .help("Ask for log messages of at least this level, such as `info`, and print them to stderr when they arrive"),
    ]
}
