//! GitHub: issues, pull requests, files and search, by its REST API.
//!
//! ```sh
//! cargo run --features http-client --example github -- call search_repos query='language:rust mcp' --json
//! cargo build --release --features http-client --example github
//! claude mcp add github --env GITHUB_TOKEN=... -- "$PWD/target/release/examples/github"
//! ```
//!
//! The token is in the variable `GITHUB_TOKEN`. Without it, the server reads public data, and GitHub allows 60 requests an
//! hour. A fine-grained token limits what the tools can do: give it only the repositories and permissions that you need.
//! `GITHUB_API_URL` is the API of GitHub Enterprise Server, such as `https://github.example.com/api/v3`.
//!
//! Lists have pages: a result names the next one in `next_page`. When GitHub refuses further requests for a while, the error
//! says until when.
//!
//! # Security
//!
//! - The token is in no result, error or log, and is sent to the host of the API only.
//! - Names of owners, repositories and files cannot lead to other parts of the API (`api`).
//! - Issues and files can contain instructions to the model. The tools that write are not read-only, so that a client asks its
//!   user before it calls them.

mod api;
mod files;
mod issues;
mod pulls;
mod search;
#[cfg(test)]
mod tests;

use std::env;
use std::process::ExitCode;

use mcp_runtime::{Secret, prelude::*};

use crate::api::GitHub;

/// The API of github.com.
const API: &str = "https://api.github.com";

fn server(github: GitHub) -> Server {
    mcp_runtime::server!()
        .title("GitHub")
        .instructions(
            "Lists have pages: call a tool again with `page` set to the `next_page` of its result.",
        )
        .state(github)
}

fn main() -> ExitCode {
    let token = env::var("GITHUB_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    let api = env::var("GITHUB_API_URL").unwrap_or_else(|_| API.to_owned());
    match GitHub::new(&api, token.map(Secret::new)) {
        Ok(github) => server(github).run(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
