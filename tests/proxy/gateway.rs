//! A gateway that is held to the lock file `LOCK`. Its upstream server is at `UPSTREAM_URL`, or else the program `UPSTREAM_COMMAND`.

use std::env::var;

use mcp_runtime::{Server, Upstream};

fn main() -> std::process::ExitCode {
    let upstream = match var("UPSTREAM_URL") {
        Ok(url) => Upstream::url(url),
        Err(_) => Upstream::command(var("UPSTREAM_COMMAND").unwrap_or_default()),
    };
    Server::new("gateway", "1.0.0")
        .mount("up", upstream.name("upstream"))
        .lock_upstreams(var("LOCK").unwrap_or_default())
        .run()
}
