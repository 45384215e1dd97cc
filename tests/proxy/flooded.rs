//! A gateway in front of the server that `crooked.rs` describes, with a tool of its own.

use std::process::ExitCode;

use mcp_runtime::{Revision, Server, Upstream, prelude::*};

/// Say that the gateway works.
#[tool]
async fn own() -> &'static str {
    "own"
}

fn main() -> ExitCode {
    let beside = std::env::current_exe().map(|path| path.with_file_name("crooked-server"));
    let Ok(program) = beside else {
        return ExitCode::from(2);
    };
    let crooked = Upstream::command(program).revision(Revision::V2025_11_25);
    Server::new("gateway", "1.0.0")
        .with(components![own])
        .mount("up", crooked)
        .run()
}
