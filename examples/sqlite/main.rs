//! A SQLite database: queries, tables, schemas, and a memo of insights. It is read-only by default.
//!
//! The server has the 6 tools of the reference server `mcp-server-sqlite`, with the same names and arguments.
//! `docs/reference-servers.md` lists the differences. `read_query` and `write_query` also take `parameters`. The schema
//! of each table is the resource `sqlite://schema/{table}`, and the memo is `memo://insights`.
//!
//! ```sh
//! cargo run --features sqlite --example sqlite -- --db-path shop.db call read_query query='SELECT count(*) AS orders FROM orders'
//! cargo build --release --features sqlite --example sqlite
//! claude mcp add shop -- "$PWD/target/release/examples/sqlite" --db-path "$PWD/shop.db"
//! ```
//!
//! With `--write` after the file, `write_query` and `create_table` can change the database, and a missing file is
//! created. The arguments of every server follow.
//!
//! # Security
//!
//! - Without `--write`, SQLite opens the file read-only. `read_query` always uses a read-only connection.
//! - SQLite asks an authorizer for each operation (`database`). It refuses other files (`ATTACH`, `VACUUM INTO`), settings
//!   (`PRAGMA`), transactions over several calls, and extensions.
//! - A call has one statement. Its time, its rows and the size of its result are limited.

mod database;
mod schema;
#[cfg(test)]
mod tests;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mcp_runtime::prelude::*;

use crate::database::Database;
use crate::tools::Insights;

fn server(database: Database) -> Server {
    mcp_runtime::server!()
        .title("SQLite")
        .instructions(
            "Read the schema of a table before you query it. Put values into `parameters`, and `?` into the query.",
        )
        .state(database)
        .state(Insights::default())
}

/// The arguments of this server.
#[derive(Default)]
struct Options {
    path: Option<PathBuf>,
    can_write: bool,
}

/// Splits the arguments of the program into those of this server and those of every server.
fn split(arguments: impl Iterator<Item = OsString>) -> (Options, Vec<OsString>) {
    let mut options = Options::default();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next_if(|it| it == "--db-path" || it == "--write") {
        if argument == "--write" {
            options.can_write = true;
        } else {
            options.path = arguments.next().map(PathBuf::from);
        }
    }
    (options, arguments.collect())
}

fn main() -> ExitCode {
    let (options, rest) = split(std::env::args_os().skip(1));
    let Some(path) = options.path else {
        eprintln!(
            "usage: sqlite --db-path FILE [--write] [--http [ADDR] | list | call NAME key=value | ..]"
        );
        return ExitCode::from(2);
    };
    if path == Path::new(":memory:") {
        eprintln!("a database in memory would be lost after each call: give a file");
        return ExitCode::from(2);
    }
    match Database::open(&path, options.can_write) {
        Ok(database) => server(database).run_from(rest),
        Err(error) => {
            eprintln!(
                "the database `{}` cannot be opened: {error}",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}
