//! A bridge to the server that the environment names: `UPSTREAM_URL`, or `UPSTREAM_COMMAND` with one argument on each line of
//! `UPSTREAM_ARGS`. `UPSTREAM_REVISION` is the revision to speak with it; `UPSTREAM_PREFIX` mounts it under a prefix. With
//! `UPSTREAM_PER_CALLER` each caller has a connection, and all requests over HTTP are those of one principal. With `MCP_CONFIG`
//! all servers of that file are mounted under their names.

use std::env::var;
use std::process::ExitCode;
use std::time::Duration;

use mcp_runtime::{
    AuthFuture, Authenticate, Credentials, Identity, Principal, Revision, Server, Upstream,
};

/// Authenticates every request as that of one principal.
struct Everyone;

impl Authenticate for Everyone {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(async { Ok(Some(Identity::new(Principal::new("everyone")))) })
    }
}

/// The time for which the start waits for a server. Some start slowly on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Returns a server in front of all servers of a file.
fn gateway(path: &str) -> Result<Server, String> {
    let config = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let upstreams = Upstream::from_config(&config).map_err(|error| error.to_string())?;
    let server = Server::new("gateway", "1.0.0");
    Ok(upstreams
        .into_iter()
        .fold(server, |server, (name, upstream)| {
            server.mount(name, upstream.start_timeout(START_LIMIT))
        }))
}

fn upstream() -> Option<Upstream> {
    let upstream = match (var("UPSTREAM_URL"), var("UPSTREAM_COMMAND")) {
        (Ok(url), _) => Upstream::url(url),
        (_, Ok(program)) => {
            let arguments = var("UPSTREAM_ARGS").unwrap_or_default();
            Upstream::command(program).args(arguments.lines())
        }
        _ => return None,
    };
    let upstream = upstream.start_timeout(START_LIMIT);
    let upstream = match var("UPSTREAM_REVISION") {
        Ok(revision) => upstream.revision(Revision::from_name(&revision)?),
        Err(_) => upstream,
    };
    Some(match var("UPSTREAM_PER_CALLER") {
        Ok(_) => upstream.per_caller(),
        Err(_) => upstream,
    })
}

fn main() -> ExitCode {
    if let Ok(path) = var("MCP_CONFIG") {
        return match gateway(&path) {
            Ok(server) => server.run(),
            Err(error) => {
                eprintln!("{path}: {error}");
                ExitCode::from(2)
            }
        };
    }
    let Some(upstream) = upstream() else {
        eprintln!("set UPSTREAM_URL or UPSTREAM_COMMAND, and a known UPSTREAM_REVISION or none");
        return ExitCode::from(2);
    };
    let server = match var("UPSTREAM_PREFIX") {
        Ok(prefix) => Server::new("gateway", "1.0.0").mount(prefix, upstream),
        Err(_) => Server::from(upstream),
    };
    match var("UPSTREAM_PER_CALLER") {
        Ok(_) => server.auth(Everyone).run(),
        Err(_) => server.run(),
    }
}
