//! The server: the fixture with two tools that need a scope. Over HTTP each request needs a token or an API key.

use std::process::ExitCode;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ApiKey, Auth, Principal};

mod callers;

use callers::{AUDIENCE, CALLERS, ISSUER, Way};

/// The time after which the keys of the issuer are loaded again. It replaces them every few seconds.
const REFRESH: Duration = Duration::from_secs(2);
const COOLDOWN: Duration = Duration::from_secs(1);

/// Return the caller and a text.
#[tool(scopes("soak:write"))]
async fn guarded(text: String, caller: Principal) -> String {
    format!("{} {text}", caller.id())
}

/// Return the caller and a text; nobody without the scope knows this tool.
#[tool(hidden, scopes("soak:write"))]
async fn secret(text: String, caller: Principal) -> String {
    format!("{} {text}", caller.id())
}

/// Occupy a thread for some time, and use more of its stack than any other call needs.
#[tool]
fn occupy(milliseconds: u64) -> String {
    // A page of a stack stays in memory once it was used. The calls that go deepest are rare, so that the stacks of 64 threads
    // would grow for millions of requests.
    #[allow(clippy::large_stack_arrays)] // that is its purpose
    let pages = std::hint::black_box([1_u8; 64 * 1024]);
    std::thread::sleep(Duration::from_millis(milliseconds));
    format!("{} bytes", pages.len())
}

fn main() -> ExitCode {
    let with_key = CALLERS.iter().filter(|caller| caller.way == Way::Key);
    let keys = with_key.map(|it| {
        let key = ApiKey::new(it.name, it.key());
        it.scopes().split_whitespace().fold(key, ApiKey::scope)
    });
    // The tools of this file are in the package of the fixture, which has all of its package.
    let server = mcp_tests::fixture::server()
        .auth(Auth::api_keys(keys))
        .auth(Auth::from_env());
    let server = match std::env::var(ISSUER) {
        Ok(issuer) => {
            let tokens = Auth::jwt(issuer, AUDIENCE).leeway(Duration::ZERO);
            server.auth(tokens.key_refresh(REFRESH).key_cooldown(COOLDOWN))
        }
        Err(_) => server,
    };
    server.run()
}
