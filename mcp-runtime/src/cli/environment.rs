//! The option `--env-file`, which adds the variables of a file to the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, value_parser};

const NAME: &str = "env-file";

/// Returns the option. It has an effect before the arguments are parsed, because variables are defaults of options.
pub(super) fn argument() -> Arg {
    Arg::new(NAME)
        .long(NAME)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("Add the variables in this file, lines of NAME=VALUE, to the environment; those that are set already stay")
}

/// Adds the variables of the file that the arguments name, if they name one.
///
/// # Errors
/// Returns an error, which names the file, if it cannot be read or parsed.
pub(super) fn load(arguments: &[OsString]) -> Result<(), String> {
    let Some(path) = file(arguments) else {
        return Ok(());
    };
    dotenvy::from_path(path)
        .map_err(|error| format!("`--{NAME} {}` cannot be used: {error}", path.display()))
}

/// Returns the value of the option. Arguments after `--` are not options.
fn file(arguments: &[OsString]) -> Option<&Path> {
    let mut arguments = arguments.iter().take_while(|it| *it != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--env-file" {
            return arguments.next().map(Path::new);
        }
        let value = argument
            .to_str()
            .and_then(|it| it.strip_prefix("--env-file="));
        if value.is_some() {
            return value.map(Path::new);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_before_arguments_are_parsed() {
        for (arguments, path) in [
            (vec!["--env-file", "a.env", "list"], Some("a.env")),
            (vec!["list", "--env-file=a=b.env"], Some("a=b.env")),
            (vec!["call", "--", "--env-file", "a.env"], None),
            (vec!["--env-file"], None),
            (vec!["list"], None),
        ] {
            let arguments: Vec<_> = arguments.into_iter().map(OsString::from).collect();
            assert_eq!(file(&arguments), path.map(Path::new), "{arguments:?}");
        }
    }
}
