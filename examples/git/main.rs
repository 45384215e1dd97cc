//! Git repositories: their state, their history, and commits, limited to one folder.
//!
//! The server has the 12 tools of the reference server `mcp-server-git`, with the same names, arguments and results.
//! `docs/reference-servers.md` lists the differences. It runs the program `git` (2.31 or newer).
//!
//! ```sh
//! cargo run --example git -- --repository . call git_log repo_path=. max_count=3
//! cargo build --release --example git
//! claude mcp add git -- "$PWD/target/release/examples/git" --repository "$PWD"
//! ```
//!
//! `--repository` is a repository or a folder of repositories. The arguments of every server follow.
//!
//! # Security
//!
//! - There is no shell. A value of a client is refused if it begins with `-`, so that it cannot become an option.
//! - A repository, its work tree and its `.git` are inside of the folder, also through links (`repository`).
//! - What the configuration of a repository could run is turned off: hooks, filters, external programs for
//!   differences, the pager, signatures, monitors of files, and transports (`process`). Other tools of a model may be able to write that
//!   configuration. Filters of the user's own configuration, such as those of Git LFS, run.
//! - Nothing is asked at a terminal. A command has a time limit, and its output has a maximum size.

mod changing;
mod process;
mod reading;
mod repository;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use mcp_runtime::prelude::*;

use crate::process::Git;

fn server(git: Git) -> Server {
    mcp_runtime::server!()
        .title("Git")
        .instructions("`repo_path` is absolute, or relative to the folder of the server: `.` is the folder itself.")
        .state(git)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let is_option = arguments.next().is_some_and(|it| it == "--repository");
    let (true, Some(folder)) = (is_option, arguments.next()) else {
        eprintln!(
            "usage: git --repository FOLDER [--http [ADDR] | list | call NAME key=value | ..]"
        );
        return ExitCode::from(2);
    };
    match Git::new(OsString::from("git"), Path::new(&folder)) {
        Ok(git) => server(git).run_from(arguments),
        Err(error) => {
            eprintln!(
                "the folder `{}` cannot be served: {error}",
                folder.display()
            );
            ExitCode::FAILURE
        }
    }
}
