//! A server as a process: stdio, the command line, and keys in the environment.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

use crate::fixture::ADA;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn command(variables: Variables<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-server"));
    command
        .env_remove("MCP_PRINCIPAL")
        .env_remove("MCP_SCOPES")
        .envs(variables.iter().copied());
    command
}

fn run(arguments: &[&str], variables: Variables<'_>) -> Output {
    command(variables).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Sends messages over stdio and returns the replies in the order of their ids.
fn over_stdio(revision: &str, messages: &[Value], variables: Variables<'_>) -> Vec<Value> {
    let mut child = command(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let conversation = Conversation::new(revision);
    let mut input = child.stdin.take().unwrap();
    for message in messages {
        let line = format!("{message}\n");
        conversation.wrote(line.as_bytes());
        input.write_all(line.as_bytes()).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let lines = text(&output.stdout).lines();
    let mut replies: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|reply: &Value| reply.get("id").is_some())
        .collect();
    for reply in &replies {
        conversation.received(reply);
    }
    replies.sort_by_key(|reply| reply["id"].as_i64());
    replies
}

/// Returns the messages of a client that calls these tools, with ids from 1 on.
fn calls(is_modern: bool, tools: &[&str]) -> Vec<Value> {
    let mut messages = Vec::new();
    if !is_modern {
        messages.push(
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "x", "version": "1" },
        } }),
        );
    }
    for (index, tool) in tools.iter().enumerate() {
        let mut params = json!({ "name": tool });
        if is_modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        messages.push(json!({
            "jsonrpc": "2.0",
            "id": index + 1,
            "method": "tools/call",
            "params": params,
        }));
    }
    messages
}

#[test]
fn the_environment_names_the_caller_of_stdio() {
    let bob: Variables<'_> = &[
        ("MCP_PRINCIPAL", "bob"),
        ("MCP_SCOPES", "calendar:read  calendar:write"),
    ];
    let root: Variables<'_> = &[("MCP_PRINCIPAL", "root"), ("MCP_SCOPES", "admin")];
    for (variables, caller, may_add, may_wipe) in [
        (&[][..], "None None", false, false),
        (
            bob,
            r#"Some("bob") Some("calendar:read calendar:write")"#,
            true,
            false,
        ),
        (root, r#"Some("root") Some("admin")"#, true, true),
    ] {
        for is_modern in [true, false] {
            let revision = if is_modern { MODERN } else { "2025-11-25" };
            let messages = calls(is_modern, &["who", "add_event", "wipe"]);
            let replies = over_stdio(revision, &messages, variables);
            let [who, add, wipe] = &replies[replies.len() - 3..] else {
                panic!("{replies:?}");
            };
            assert_eq!(who["result"]["content"][0]["text"], caller);
            assert_eq!(add.get("error").is_none(), may_add, "{add}");
            if !may_add {
                let error = &add["error"];
                let needs = json!(["calendar:read", "calendar:write"]);
                assert_eq!(error["data"]["requiredScopes"], needs);
                assert!(
                    error["message"]
                        .as_str()
                        .unwrap()
                        .contains("calendar:write")
                );
            }
            assert_eq!(wipe.get("error").is_none(), may_wipe, "{wipe}");
            if !may_wipe {
                assert_eq!(wipe["error"]["message"], "Unknown tool: `wipe`");
            }
        }
    }
}

#[test]
fn a_mistake_in_the_environment_is_reported() {
    let output = run(&["list"], &[("MCP_SCOPES", "admin")]);
    assert!(!output.status.success());
    let log = text(&output.stderr);
    assert!(
        log.contains("MCP_SCOPES is set, and MCP_PRINCIPAL is not"),
        "{log}"
    );
}

#[test]
fn commands_have_the_caller_of_the_environment() {
    let nobody = run(&["call", "add_event"], &[]);
    assert!(!nobody.status.success());
    assert!(text(&nobody.stderr).contains("`calendar:read calendar:write`"));
    let root: Variables<'_> = &[("MCP_PRINCIPAL", "root"), ("MCP_SCOPES", "admin")];
    assert_eq!(text(&run(&["call", "wipe"], root).stdout), "wiped\n");
    let list = run(&["list"], &[]);
    let list = text(&list.stdout);
    assert!(
        list.contains("add_event [calendar:write] [calendar:read]"),
        "{list}"
    );
    assert!(!list.contains("wipe"), "{list}");
}

#[test]
fn the_manifest_has_the_scopes_of_components() {
    let output = run(&["manifest"], &[]);
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = manifest["definitions"].as_array().unwrap();
    for (name, scopes) in [
        ("open", Value::Null),
        ("wipe", json!(["admin"])),
        ("add_event", json!(["calendar:write", "calendar:read"])),
    ] {
        let entry = entries.iter().find(|entry| entry["name"] == name).unwrap();
        assert_eq!(entry["definition"]["scopes"], scopes, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("mcp.lock");
    let lock = lock.to_str().unwrap();
    assert!(
        run(&["manifest", "--write-lock", lock], &[])
            .status
            .success()
    );
    let checked = run(&["check", "--lock", lock], &[]);
    let changes = text(&checked.stdout).contains("mcp.lock");
    assert!(!changes, "{checked:?}");
}

#[test]
fn check_shows_the_scopes_of_components() {
    let output = run(&["check"], &[]);
    let shown = text(&output.stdout);
    let expected = "\
component                       needs              implied by
tool `add_event`                calendar:write     admin, calendar
                                and calendar:read  admin, calendar
tool `wipe`                     admin                               hidden
resource `calendar://today`     calendar:read      admin, calendar
resource `key://1`              admin                               hidden
resource `calendar-of://{day}`  calendar:read      admin, calendar
prompt `plan`                   calendar:read      admin, calendar
                                and plan           admin
prompt `conspire`               admin                               hidden
All other components need no scope.
";
    assert!(shown.starts_with(expected), "{shown}");
    assert!(output.status.success(), "{shown}");
}

/// A server that serves HTTP, and its log.
struct Serving {
    child: Child,
    address: String,
    log: BufReader<ChildStderr>,
}

impl Serving {
    fn start(variables: Variables<'_>, arguments: &[&str]) -> Self {
        let mut child = command(variables)
            .args(["--http", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut notice = String::new();
        while !notice.contains("http://") {
            notice.clear();
            assert!(log.read_line(&mut notice).unwrap() > 0, "no address");
        }
        let address = notice.split("http://").nth(1).unwrap();
        let address = address.split('/').next().unwrap().to_owned();
        Self {
            child,
            address,
            log,
        }
    }

    /// Sends a request with this header and returns the response.
    fn send(&self, header: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Ends the server and returns its log.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        log
    }
}

/// Serves over HTTP with these variables, and returns the response to a request with a key.
fn response_over_http(variables: Variables<'_>, arguments: &[&str], key: &str) -> String {
    let serving = Serving::start(variables, arguments);
    let response = serving.send(&format!("X-API-Key: {key}"));
    serving.end();
    response
}

/// The log has the events of all levels and crates.
#[test]
fn no_log_contains_credentials() {
    let serving = Serving::start(&[], &["--log", "trace"]);
    for token in [ADA, "token-revoked", "token-unavailable", "canary-token"] {
        serving.send(&format!("Authorization: Bearer {token}"));
        serving.send(&format!("X-API-Key: {token}"));
    }
    let log = serving.end();
    for part in ["revoked", "no network"] {
        assert!(log.contains(part), "{log}");
    }
    for secret in [ADA, "token-revoked", "canary-token"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn keys_come_from_the_command_line_and_the_environment() {
    let eve = "eve-0123456789abcdef-0123456789abcdef";
    let lines = format!("eve {eve}\nmallory mallory-0123456789abcdef-0123456789abcdef x");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let in_environment = lines.replace('\n', ";");
    for (variables, arguments, key, status) in [
        (&[][..], &[][..], ADA, "405"),
        (&[], &[], eve, "401"),
        (&[], &["--api-keys-file", path], eve, "405"),
        (&[], &["--api-keys-file", path], ADA, "405"),
        (&[], &["--api-keys-file", path], "other", "401"),
        (&[("MCP_API_KEYS_FILE", path)], &[], eve, "405"),
        (
            &[("MCP_API_KEYS", in_environment.as_str())],
            &[],
            eve,
            "405",
        ),
    ] {
        let response = response_over_http(variables, arguments, key);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            response.starts_with(&expected),
            "{variables:?} {arguments:?} {response}"
        );
    }
    let variables: Variables<'_> = &[("MCP_RESOURCE_URL", "https://api.example.com/mcp")];
    let response = response_over_http(variables, &[], "wrong");
    let metadata = "https://api.example.com/.well-known/oauth-protected-resource/mcp";
    assert!(response.contains(metadata), "{response}");
}
