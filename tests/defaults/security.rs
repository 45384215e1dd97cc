//! Who is served, and what is shown.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use mcp_runtime::Server;
use serde_json::{Value, json};

use super::local::{call, http_request, reply, server, service};
use super::page::row;
use super::process::{
    Answer, LEGACY, MODERN, Process, SERVER, http, http_process, message, post_headers,
};

const ERAS: [&str; 2] = [MODERN, LEGACY];

/// Calls the tool of the README with these headers.
fn add(address: SocketAddr, revision: &str, path: &str, headers: &str) -> Answer {
    let params = json!({ "name": "add", "arguments": { "a": 2, "b": 3 } });
    let message = message(revision, "tools/call", params).to_string();
    let headers = post_headers(revision, &message, None) + headers;
    http(
        address,
        &format!("POST {path}"),
        &headers,
        message.as_bytes(),
    )
}

#[test]
fn hosts_and_origins() {
    let hosts = row("host").is("localhost, 127.0.0.1, [::1]");
    let origins = row("origin").is("those of localhost");
    hosts.says("403");
    origins.says("403");
    let (_server, address) = http_process(&["--http", "127.0.0.1:0"]);
    for revision in ERAS {
        for (name, value, status) in [
            ("Host", "localhost", 200),
            ("Host", "127.0.0.1:8000", 200),
            ("Host", "[::1]:8000", 200),
            ("Host", "example.com", 403),
            ("Host", "localhost.example.com", 403),
            ("Origin", "http://localhost:3000", 200),
            ("Origin", "http://127.0.0.1", 200),
            ("Origin", "https://example.com", 403),
            ("Origin", "null", 403),
        ] {
            let header = format!("{name}: {value}\r\n");
            let answer = add(address, revision, "/mcp", &header);
            assert_eq!(answer.status, Some(status), "{header}");
        }
    }
}

#[test]
fn public_addresses() {
    row("public-address")
        .is("refused")
        .says("the server does not start");
    for address in ["0.0.0.0:0", "[::]:0"] {
        let output = Command::new(SERVER)
            .args(["--http", address])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        if address.starts_with('[') && stderr.contains("not supported") {
            continue; // this machine has no IPv6
        }
        assert!(!output.status.success(), "{stderr}");
        assert!(stderr.contains("--insecure"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn sockets() {
    use std::os::unix::fs::PermissionsExt as _;
    let row = row("socket-mode").is("0600");
    row.says("others cannot connect");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.sock");
    let mut child = Command::new(SERVER)
        .arg("--unix")
        .arg(&path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The server logs its socket when it exists.
    let mut stderr = child.stderr.take().unwrap();
    let _process = Process { child };
    let mut byte = [0];
    assert_eq!(stderr.read(&mut byte).unwrap(), 1);
    while !path.exists() {
        std::thread::yield_now();
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn forwarded_addresses() {
    let row = row("forwarded").is("loopback addresses");
    row.says("the header is ignored");
    let burst = super::page::rows()["burst"].number();
    for (peer, is_trusted) in [("127.0.0.1", true), ("192.0.2.1", false)] {
        let service = service(server()).await;
        let message = call(MODERN, 1, "add", &json!({ "a": 2, "b": 3 })).to_string();
        let mut statuses = Vec::new();
        // Each request names another caller.
        for number in 0..=burst {
            let (high, low) = (number / 250, number % 250);
            let headers = post_headers(MODERN, &message, None)
                + &format!("X-Forwarded-For: 198.51.{high}.{low}\r\n");
            let request = http_request(peer, &headers, message.clone());
            let response = tower_service::Service::call(&mut service.clone(), request).await;
            statuses.push(response.unwrap().status().as_u16());
        }
        let expected = if is_trusted { 200 } else { 429 };
        assert_eq!(statuses.last(), Some(&expected), "{peer}");
    }
}

#[tokio::test(start_paused = true)]
async fn forwarded_by_many() {
    let row = row("forwarded-addresses");
    row.says("names the caller");
    let burst = super::page::rows()["burst"].number();
    let message = call(MODERN, 1, "add", &json!({ "a": 2, "b": 3 })).to_string();
    for (proxies, is_limited) in [(row.number() - 1, true), (row.number(), false)] {
        let service = service(server()).await;
        let forwarded = "198.51.100.1".to_owned() + &", 127.0.0.1".repeat(proxies);
        let headers =
            post_headers(MODERN, &message, None) + &format!("X-Forwarded-For: {forwarded}\r\n");
        let mut status = 0;
        // The caller is the remote one, or one of this machine, which has no limit.
        for _ in 0..=burst {
            let request = http_request("127.0.0.1", &headers, message.clone());
            let response = tower_service::Service::call(&mut service.clone(), request).await;
            status = response.unwrap().status().as_u16();
        }
        assert_eq!(status, if is_limited { 429 } else { 200 }, "{proxies}");
    }
}

/// Calls a tool over HTTP with further headers, and returns the text of its result.
async fn text(server: Server, revision: &str, tool: &str, headers: &str) -> String {
    let service = service(server).await;
    let message = call(revision, 2, tool, &json!({})).to_string();
    let headers = post_headers(revision, &message, None) + headers;
    let request = http_request("127.0.0.1", &headers, message);
    let response = tower_service::Service::call(&mut service.clone(), request).await;
    let reply: Value = reply(response.unwrap()).await;
    let text = reply["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{reply}")).to_owned()
}

#[tokio::test]
async fn credentials() {
    let _ = row("credentials").is("removed");
    let headers =
        "Authorization: Bearer secret\r\nProxy-Authorization: Basic secret\r\nX-Other: shown\r\n";
    for revision in ERAS {
        let seen = text(server(), revision, "credentials", headers).await;
        assert_eq!(seen, "[None, None, Some(\"shown\")]");
    }
}

#[tokio::test]
async fn errors_and_panics() {
    let panics = row("panics").is("hidden").for_all();
    panics.says("tool error with a reference");
    let _ = row("errors").is("shown").for_all();
    for revision in ERAS {
        let text_of_panic = text(server(), revision, "panics", "").await;
        assert!(!text_of_panic.contains("secret"), "{text_of_panic}");
        assert!(text_of_panic.contains("reference"), "{text_of_panic}");
        let text_of_error = text(server(), revision, "fails", "").await;
        assert_eq!(text_of_error, "the disk is full");
        let client = super::local::Streams::start(server(), revision);
        let reply = client
            .await
            .ask(&call(revision, 2, "panics", &json!({})))
            .await;
        assert!(!reply.to_string().contains("secret"), "{reply}");
    }
}

#[test]
fn paths() {
    let endpoint = row("endpoint").is("/mcp");
    endpoint.says("404");
    let open = row("open-paths").is("/health, /ready");
    open.says("404 for `/metrics`");
    let (_server, address) = http_process(&["--http", "127.0.0.1:0"]);
    for revision in ERAS {
        assert_eq!(add(address, revision, "/mcp", "").status, Some(200));
        assert_eq!(add(address, revision, "/", "").status, Some(404));
    }
    for (path, status) in [("/health", 200), ("/ready", 200), ("/metrics", 404)] {
        let answer = http(address, &format!("GET {path}"), "", b"");
        assert_eq!(answer.status, Some(status), "{path}");
    }
}

/// Calls a tool over the stdio of a server process, which ends then. Returns what it wrote to stdout and stderr.
fn written(server: &str, options: &[&str], tool: &str, arguments: &Value) -> (String, String) {
    let mut child = Command::new(server)
        .args(options)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let call = call(MODERN, 1, tool, arguments).to_string() + "\n";
    std::io::Write::write_all(&mut input, call.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(String::from_utf8);
    (stdout.unwrap(), stderr.unwrap())
}

/// Fails unless a text is one line with a result.
#[track_caller]
fn is_one_result(stdout: &str) {
    let mut lines = stdout.lines();
    let reply: Value = serde_json::from_str(lines.next().expect("a line")).expect(stdout);
    assert!(
        reply["result"].is_object() && lines.next().is_none(),
        "{stdout}"
    );
}

#[test]
fn logs() {
    let _ = row("log").is("warn");
    // A call is logged with the level `info`, and so not by default.
    for (options, is_logged) in [(&[][..], false), (&["--log", "info"][..], true)] {
        let (stdout, stderr) = written(SERVER, options, "add", &json!({ "a": 2, "b": 3 }));
        assert_eq!(stderr.contains("tools/call"), is_logged, "{stderr}");
        is_one_result(&stdout);
    }
}

#[test]
fn outputs() {
    let row = row("stdout").is("messages only");
    row.says("goes to stderr");
    // A server with a handler that prints.
    let server = env!("CARGO_BIN_EXE_wire-server");
    let (stdout, stderr) = written(server, &[], "prints", &json!({}));
    is_one_result(&stdout);
    assert!(stderr.contains("this is no message"), "{stderr}");
}
