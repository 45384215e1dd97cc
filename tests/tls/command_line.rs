//! The options of the command line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::authority::Authority;
use crate::secure::get;

/// Starts a server with these arguments and variables.
fn start(arguments: &[&str], variables: &[(&str, &Path)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_auth-server"))
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns what a server that does not start writes to its log.
fn problem(arguments: &[&str], variables: &[(&str, &Path)]) -> String {
    let output = start(arguments, variables).wait_with_output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the address in the first lines of the log.
fn address(child: &mut Child) -> SocketAddr {
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("://") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "no address");
    }
    assert!(line.contains("Serving MCP at https://127.0.0.1:"), "{line}");
    assert!(line.contains("health: https://127.0.0.1:"), "{line}");
    // The pipe stays open.
    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    let rest = line.split("https://").nth(1).unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn files_come_from_the_command_line_and_the_environment() {
    let authority = Authority::new("ca");
    authority.certify_server();
    let paths = ["server.pem", "server.key", "ca.pem"].map(|name| authority.path(name));
    let [certificate, key, clients] = paths.each_ref().map(|path| path.to_str().unwrap());
    let http = ["--http", "127.0.0.1:0"];
    let on_line = [
        "--tls-cert",
        certificate,
        "--tls-key",
        key,
        "--tls-client-ca",
        clients,
    ];
    let variables = [
        ("MCP_TLS_CERT", &*paths[0]),
        ("MCP_TLS_KEY", &*paths[1]),
        ("MCP_TLS_CLIENT_CA", &*paths[2]),
    ];
    let own = authority.client(&["cn:ada"]);
    for (arguments, variables) in [
        ([&http[..], &on_line[..]].concat(), &[][..]),
        (http.to_vec(), &variables[..]),
    ] {
        let mut child = start(&arguments, variables);
        let address = address(&mut child);
        let config = |own| authority.client_config(own);
        let known = get(address, config(Some(&own)), "/mcp").await;
        let unknown = get(address, config(None), "/mcp").await;
        child.kill().unwrap();
        child.wait().unwrap();
        // The first is authenticated, and lacks a session.
        assert_eq!((known.status, unknown.status), (405, 401), "{known:?}");
    }
}

#[test]
fn mistakes_in_the_options_are_reported() {
    let authority = Authority::new("ca");
    authority.certify_server();
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    let [pem, of_key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let http = ["--http", "127.0.0.1:0"];
    let socket = authority.path("socket");
    let unix = ["--unix", socket.to_str().unwrap()];
    for (arguments, expected) in [
        (
            [&http[..], &["--tls-cert", pem]].concat(),
            "`--tls-key` (MCP_TLS_KEY) need each other",
        ),
        (
            [&http[..], &["--tls-key", of_key]].concat(),
            "need each other",
        ),
        (
            [&http[..], &["--tls-client-ca", pem]].concat(),
            "client certificates need TLS",
        ),
        (
            [&http[..], &["--tls-cert", of_key, "--tls-key", of_key]].concat(),
            "has no certificate",
        ),
        (
            vec!["--tls-cert", pem],
            "`--tls-cert` has no effect without `--http`",
        ),
        (
            [&unix[..], &["--tls-key", of_key]].concat(),
            "`--tls-key` has no effect without `--http`",
        ),
    ] {
        let log = problem(&arguments, &[]);
        assert!(log.contains(expected), "{arguments:?}: {log}");
        assert!(!log.contains("Serving MCP"), "{log}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_auth-server"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in [
        "--tls-cert",
        "--tls-key",
        "--tls-client-ca",
        "MCP_TLS_CLIENT_CA",
    ] {
        assert!(help.contains(option), "{help}");
    }
}
