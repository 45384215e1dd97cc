//! Files and directories, limited to the directories that the user names.
//!
//! The server has the 14 tools of the reference server `@modelcontextprotocol/server-filesystem`, with the same names,
//! arguments and results. `docs/reference-servers.md` lists the differences. Files are also resources.
//!
//! ```sh
//! cargo run --example filesystem -- . call search_files path=. pattern='**/*.toml'
//! cargo build --release --example filesystem
//! claude mcp add filesystem -- "$PWD/target/release/examples/filesystem" "$HOME/documents"
//! ```
//!
//! The first argument is a directory. Further directories contain a slash, such as `./docs`, and the arguments of every
//! server follow. Without a directory, the server asks each client for its roots, and is limited to those.
//!
//! # Security
//!
//! Each directory is opened once, and `cap-std` resolves every path beneath it (`openat2` on Linux). So `..`, absolute
//! paths and symbolic links that lead out are refused, also if the disk changes during a call: no path is checked first
//! and opened later. Only regular files are read and replaced, so a pipe, a socket or a device cannot block a call. A
//! write creates a new file and renames it, so that it never follows a link, and no reader sees half of a file. The
//! tests in `tests/escapes.rs` are a list of ways to leave a directory.
//!
//! A hard link to a file outside cannot be recognised. No tool creates one, and writing to one leaves the file outside
//! as it is.

mod edits;
mod jail;
mod listing;
mod reading;
mod resources;
mod search;
#[cfg(test)]
mod tests;
mod writing;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use mcp_runtime::{JsonWithText, prelude::*};
use schemars::JsonSchema;
use serde::Serialize;

use crate::jail::{Directories, Directory};

/// The structured content of most tools: the same text that models read.
#[derive(Serialize, JsonSchema)]
struct Contents {
    content: String,
}

type Text = JsonWithText<Contents>;

#[allow(clippy::unnecessary_wraps)] // so that each tool ends with it
fn text(content: impl Into<String>) -> Result<Text, ToolError> {
    let content = content.into();
    Ok(Json(Contents {
        content: content.clone(),
    })
    .with_text(content))
}

fn server(directories: Directories) -> Server {
    mcp_runtime::server!()
        .title("Filesystem")
        .instructions(
            "Paths are absolute, or relative to the first allowed directory. `list_allowed_directories` lists them.",
        )
        .state(directories)
}

/// Splits the arguments of the program into directories and the arguments of every server.
fn split(arguments: impl Iterator<Item = OsString>) -> (Vec<PathBuf>, Vec<OsString>) {
    let mut directories = Vec::new();
    let mut rest = Vec::new();
    for argument in arguments {
        let text = argument.to_string_lossy();
        let is_option = text.starts_with('-');
        let is_first = directories.is_empty() && !is_option;
        let is_path = text.contains(std::path::is_separator) || text == "." || text == "..";
        if rest.is_empty() && !is_option && (is_first || is_path) {
            directories.push(PathBuf::from(argument));
        } else {
            rest.push(argument);
        }
    }
    (directories, rest)
}

fn main() -> ExitCode {
    let (paths, rest) = split(std::env::args_os().skip(1));
    let mut opened = Vec::new();
    for path in paths {
        match Directory::open(&path) {
            Ok(directory) => opened.push(directory),
            Err(error) => {
                eprintln!(
                    "the directory `{}` cannot be served: {error}",
                    path.display()
                );
                return ExitCode::FAILURE;
            }
        }
    }
    server(Directories::new(opened)).run_from(rest)
}
