//! Servers as users write them, one file each, with the libraries that users take: a database, an HTTP API, and axum. Each is
//! called over its transports in both eras.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod client;
mod issues_api;
mod mounted;
mod todo;

#[test]
fn check_has_no_findings() {
    let servers = [
        todo::server(":memory:".into()),
        issues_api::server(issues_api::Tracker::new("http://localhost", None)),
        mounted::mcp(mounted::Shop::default()),
    ];
    for server in servers {
        let code = server.run_from(["check", "--deny-warnings"]);
        // `ExitCode` does not implement `PartialEq`.
        let success = std::process::ExitCode::SUCCESS;
        assert_eq!(format!("{code:?}"), format!("{success:?}"));
    }
}
