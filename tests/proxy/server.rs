//! A bridge to the server that the environment names: `UPSTREAM_URL`, or `UPSTREAM_COMMAND` with one argument on each line of
//! `UPSTREAM_ARGS`. `UPSTREAM_REVISION` is the revision to speak with it; `UPSTREAM_PREFIX` mounts it under a prefix. With
//! `UPSTREAM_PER_CALLER` each caller has a connection, and all requests over HTTP are those of one principal.

use std::env::var;
use std::process::ExitCode;

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

fn upstream() -> Option<Upstream> {
    let upstream = match (var("UPSTREAM_URL"), var("UPSTREAM_COMMAND")) {
        (Ok(url), _) => Upstream::url(url),
        (_, Ok(program)) => {
            let arguments = var("UPSTREAM_ARGS").unwrap_or_default();
            Upstream::command(program).args(arguments.lines())
        }
        _ => return None,
    };
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
    let Some(upstream) = upstream() else {
        eprintln!("set UPSTREAM_URL or UPSTREAM_COMMAND, and a known UPSTREAM_REVISION or none");
        return ExitCode::from(2);
    };
    match var("UPSTREAM_PREFIX") {
        Ok(prefix) => Server::new("gateway", "1.0.0")
            .mount(prefix, upstream)
            .run(),
        Err(_) => Server::from(upstream).run(),
    }
}
