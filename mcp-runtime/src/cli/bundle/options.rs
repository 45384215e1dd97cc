//! The arguments of `bundle`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::cli::flags::json_flag;

/// A setting that the user is asked for when the bundle is installed. The program receives it as an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) variable: String,
    pub(super) title: String,
    pub(super) is_secret: bool,
}

/// Returns the command.
pub(in crate::cli) fn command() -> Command {
    let text = |name: &'static str, value_name: &'static str| {
        Arg::new(name).long(name).value_name(value_name)
    };
    let setting = |name| text(name, "NAME=TITLE").action(ArgAction::Append);
    let path = |name, value_name| text(name, value_name).value_parser(value_parser!(PathBuf));
    Command::new("bundle")
        .about("Pack this program as an MCP bundle (.mcpb), which clients install with a click")
        .arg(text("author", "NAME").required(true).help("The author of the server"))
        .arg(text("description", "TEXT").help(
            "A sentence about the server [default: the first line of its instructions]",
        ))
        .arg(text("license", "SPDX").help("The license, such as MIT"))
        .arg(path("icon", "FILE").help("An icon, a PNG file"))
        .arg(text("privacy-policy", "URL").action(ArgAction::Append).help(
            "The privacy policy of a service that receives data of users, which directories ask for; may be repeated",
        ))
        .arg(setting("ask").help(
            "Ask for a setting when the bundle is installed, and set this environment variable to it; may be repeated",
        ))
        .arg(setting("ask-secret").help("As --ask, for a secret, which clients store safely"))
        .arg(text("registry-name", "NAME").requires("download").help(
            "Also write server.json for the MCP registry, with this name, such as io.github.USER/NAME",
        ))
        .arg(text("download", "URL").requires("registry-name").help(
            "The URL at which the bundle will be published",
        ))
        .arg(path("out", "FOLDER").help("The folder to write to [default: the current one]"))
        .arg(json_flag())
        .arg(
            Arg::new("arguments")
                .value_name("ARGUMENT")
                .num_args(0..)
                .last(true)
                .help("The arguments with which clients start the program"),
        )
}

/// Returns the settings of `--ask` and `--ask-secret`.
///
/// # Errors
/// Returns an error if a name is not that of an environment variable, or has no title.
pub(super) fn settings(matches: &ArgMatches) -> Result<Vec<Setting>, String> {
    let mut settings = Vec::new();
    for (option, is_secret) in [("ask", false), ("ask-secret", true)] {
        for text in matches.get_many::<String>(option).into_iter().flatten() {
            let pair = text.split_once('=').filter(|(name, title)| {
                let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                !name.is_empty() && name.chars().all(is_letter) && !title.trim().is_empty()
            });
            let (variable, title) = pair.ok_or_else(|| {
                format!("`--{option} {text}` is malformed: write `NAME=TITLE`, such as `API_KEY=Your API key`")
            })?;
            settings.push(Setting {
                variable: variable.to_owned(),
                title: title.trim().to_owned(),
                is_secret,
            });
        }
    }
    Ok(settings)
}
