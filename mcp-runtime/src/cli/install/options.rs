//! The arguments of `install` and `uninstall`.

use std::env;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::client::{CLIENTS, Folders, McpClient, Scope};
use super::entry::Launch;
use crate::cli::flags::json_flag;
use crate::cli::output::lines;

/// Returns the commands.
pub(in crate::cli) fn commands() -> [Command; 2] {
    let install = Command::new("install")
        .about("Add this server to the configuration of an MCP client; without a client, list the clients")
        .args(common())
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .help("Let the client connect to a running server, such as https://api.example.com/mcp, instead of starting this program"),
        )
        .arg(
            Arg::new("header")
                .long("header")
                .value_name("NAME: VALUE")
                .action(ArgAction::Append)
                .requires("url")
                .help("A header that the client sends; may be repeated"),
        )
        .arg(
            Arg::new("env")
                .long("env")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .conflicts_with("url")
                .help("An environment variable with which the client starts this program; may be repeated"),
        )
        .arg(
            Arg::new("arguments")
                .value_name("ARGUMENT")
                .num_args(0..)
                .last(true)
                .conflicts_with("url")
                .help("The arguments with which the client starts this program"),
        );
    let uninstall = Command::new("uninstall")
        .about("Remove this server from the configuration of an MCP client")
        .args(common());
    [install, uninstall]
}

fn common() -> [Arg; 5] {
    [
        Arg::new("client")
            .value_name("CLIENT")
            .help("The client, such as claude-code"),
        Arg::new("scope")
            .long("scope")
            .value_name("SCOPE")
            .value_parser([Scope::User, Scope::Project, Scope::Local].map(Scope::name))
            .help("For whom: the user, everybody in the project of the current directory, or (Claude Code) the user in this project"),
        Arg::new("name")
            .long("name")
            .value_name("NAME")
            .help("The name of the entry [default: the name of the server]"),
        Arg::new("print")
            .long("print")
            .action(ArgAction::SetTrue)
            .help("Print the entry, and write nothing"),
        json_flag(),
    ]
}

/// Returns the scope, which is the client's first one by default.
pub(super) fn scope(client: &McpClient, matches: &ArgMatches) -> Result<Scope, String> {
    let Some(name) = matches.get_one::<String>("scope") else {
        let scope = client.scopes.first().copied();
        return scope.ok_or_else(|| format!("{} has no scope", client.title));
    };
    let all = [Scope::User, Scope::Project, Scope::Local];
    let scope = all.into_iter().find(|scope| scope.name() == name);
    scope.ok_or_else(|| {
        format!(
            "`{name}` is not a scope: write one of {}",
            client.scope_names()
        )
    })
}

/// Returns the name of the entry. Clients accept letters, digits, `-` and `_`.
pub(super) fn entry_name(server: &str, matches: &ArgMatches) -> String {
    let given = matches.get_one::<String>("name");
    given.cloned().unwrap_or_else(|| {
        let is_kept = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let letters = server.chars();
        letters
            .map(|letter| if is_kept(letter) { letter } else { '-' })
            .collect()
    })
}

/// Returns how the client reaches the server.
///
/// # Errors
/// Returns an error if an option is malformed, or if the path of this program is not known.
pub(super) fn launch(matches: &ArgMatches) -> Result<Launch, String> {
    if let Some(url) = matches.get_one::<String>("url") {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!(
                "`{url}` is not a URL: write it whole, such as https://api.example.com/mcp"
            ));
        }
        return Ok(Launch::Url {
            url: url.clone(),
            headers: pairs(matches, "header", ':', "NAME: VALUE")?,
        });
    }
    let program = env::current_exe();
    let program =
        program.map_err(|error| format!("the path of this program is unknown: {error}"))?;
    let program = program.to_str().ok_or_else(|| {
        format!(
            "the path of this program is not UTF-8: move it: {}",
            program.display()
        )
    })?;
    let arguments = matches.get_many::<String>("arguments");
    Ok(Launch::Command {
        program: program.to_owned(),
        arguments: arguments.into_iter().flatten().cloned().collect(),
        variables: pairs(matches, "env", '=', "NAME=VALUE")?,
    })
}

fn pairs(
    matches: &ArgMatches,
    option: &str,
    separator: char,
    form: &str,
) -> Result<Map<String, Value>, String> {
    let texts = matches.get_many::<String>(option).into_iter().flatten();
    let pair = |text: &String| {
        let pair = text.split_once(separator);
        let pair = pair.filter(|(name, _)| !name.trim().is_empty());
        let (name, value) =
            pair.ok_or_else(|| format!("`--{option} {text}` has no name: write `{form}`"))?;
        Ok((name.trim().to_owned(), value.trim().into()))
    };
    texts.map(pair).collect()
}

/// Returns the clients with their scopes and files.
pub(super) fn list_of_clients(folders: &Folders) -> String {
    let scope = |client: &McpClient, scope: Scope| {
        let file = client.file(scope, folders).ok()?;
        Some(format!("      {:<8} {}", scope.name(), file.path.display()))
    };
    let client = |client: &McpClient| {
        let scopes = client.scopes.iter().filter_map(|it| scope(client, *it));
        format!("  {}\n{}", client.name, lines(scopes))
    };
    let clients = CLIENTS.iter().map(client);
    "Clients for `install CLIENT`, with their scopes and files\n".to_owned() + &lines(clients)
}
