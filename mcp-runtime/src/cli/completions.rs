//! The command `completions`.

use std::env;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::{Shell, generate};

use super::output::{Failure, write};

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print the completions for a shell, such as `completions bash`")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .value_parser(value_parser!(Shell))
                .required(true),
        )
}

/// Prints the completions of the whole command line.
pub(super) fn run(command: Command, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let shell = matches.get_one::<Shell>("shell").copied();
    let shell = shell.ok_or("no shell is given")?;
    // Shells complete the name of the file, which need not be that of the server.
    let program = env::args_os().next();
    let program = program.as_deref().map(std::path::Path::new);
    let program = program.and_then(|path| path.file_name()?.to_str());
    let program = program.unwrap_or(command.get_name()).to_owned();
    let mut script = Vec::new();
    generate(
        shell,
        &mut command.no_binary_name(false),
        program,
        &mut script,
    );
    write(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}
