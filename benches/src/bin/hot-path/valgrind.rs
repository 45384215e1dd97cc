//! Runs a program under valgrind and reads what was counted.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;

#[derive(Clone, Copy)]
pub(super) enum Tool {
    /// Counts instructions.
    Callgrind,
    /// Counts allocations.
    Memcheck,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Callgrind => "callgrind",
            Self::Memcheck => "memcheck",
        }
    }

    /// The beginning of a command line. `profile` is where callgrind leaves its own.
    pub(super) fn command(self, profile: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command.arg(option("--log-file", &log(profile)));
        match self {
            Self::Callgrind => {
                command.arg("--tool=callgrind");
                command.arg(option("--callgrind-out-file", profile));
            }
            Self::Memcheck => {
                // It is wanted for its count alone.
                command.args([
                    "--tool=memcheck",
                    "--undef-value-errors=no",
                    "--leak-check=no",
                ]);
            }
        }
        command
    }

    /// The instructions or allocations of a run that is over.
    pub(super) fn total(self, profile: &Path) -> Result<u64> {
        let (file, before, after) = match self {
            Self::Callgrind => (profile.to_owned(), "totals: ", ""),
            Self::Memcheck => (log(profile), "total heap usage: ", " allocs"),
        };
        let text = std::fs::read_to_string(&file)?;
        text.lines()
            .find_map(|line| line.split_once(before))
            .and_then(|(_, rest)| {
                rest.split(if after.is_empty() { " " } else { after })
                    .next()
            })
            .and_then(|number| number.replace(',', "").trim().parse().ok())
            .ok_or_else(|| format!("{} has no total", file.display()).into())
    }
}

fn log(profile: &Path) -> PathBuf {
    let mut name = profile.as_os_str().to_owned();
    name.push(".log");
    name.into()
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push("=");
    option.push(path);
    option
}
