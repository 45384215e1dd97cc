//! `check --client`, `check --directory` and `--dialect`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use mcp_runtime::SchemaDialect;
use mcp_runtime::prelude::*;
use mcp_tests::dialects::{gemini_mistakes, openai_mistakes};
use serde_json::{Value, json};

use super::{add, is_success, number, run, stdout};

const CLIENTS: [&str; 10] = [
    "chatgpt",
    "claude",
    "claude-code",
    "codex",
    "copilot",
    "copilot-cli",
    "cursor",
    "gemini",
    "gemini-cli",
    "vscode",
];

fn json_of(arguments: &[&str]) -> Value {
    serde_json::from_str(stdout(&run(arguments))).unwrap()
}

#[test]
fn each_client_has_findings_of_its_own() {
    for client in CLIENTS {
        let report = json_of(&["check", "--client", client, "--json"]);
        let lines = run(&["check", "--client", client]);
        let notes = report["notes"].as_array().map_or(0, Vec::len);
        let found = report["findings"].as_array().unwrap();
        let printed = stdout(&lines)
            .lines()
            .filter(|line| line.contains("https://"))
            .count();
        assert_eq!(printed, found.len() + notes, "{client}");
        let errors = found.iter().any(|it| it["level"] == "error");
        assert_eq!(lines.status.code(), Some(i32::from(errors)), "{client}");
        for finding in found {
            let sources = finding["sources"].as_array().unwrap();
            assert!(!sources.is_empty(), "{client}: {finding}");
        }
    }
    let refused = run(&["check", "--client", "copilot"]);
    let first =
        "prompt `greet`: Copilot coding agent ignores it: offer what matters as a tool, too";
    assert!(stdout(&refused).contains(first), "{}", stdout(&refused));
}

#[test]
fn an_unknown_client_is_refused_with_those_that_are_known() {
    let output = run(&["check", "--client", "claud"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        CLIENTS.iter().all(|client| stderr.contains(client)),
        "{stderr}"
    );
    for both in [
        ["--client", "claude", "--lock"],
        ["--directory", "--lock", "x"],
    ] {
        let output = run(&[&["check"], &both[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{both:?}");
    }
}

/// Search.
#[tool(title = "Search", read_only, destructive = false, open_world = false)]
async fn search(
    /// What.
    text: String,
    /// At most so many.
    limit: Option<std::num::NonZeroU8>,
) -> String {
    format!("{text} {limit:?}")
}

#[test]
fn a_dialect_mends_what_a_client_refuses() {
    let server = || Server::new("s", "1").with(components![search]);
    let check = |server: Server, more: &[&str]| {
        let arguments = [&["check", "--client", "gemini"], more].concat();
        is_success(server.run_from(arguments))
    };
    assert!(!check(server(), &[]));
    assert!(check(server(), &["--dialect", "gemini"]));
    assert!(check(server().schema_dialect(SchemaDialect::Gemini), &[]));
    // The API has no name of its own.
    assert!(!check(
        server().schema_dialect(SchemaDialect::ByClient),
        &[]
    ));
    // What all clients see is linted in the original form.
    let by_default = server().schema_dialect(SchemaDialect::OpenAi);
    assert!(is_success(
        by_default.run_from(["check", "--deny-warnings"])
    ));
}

#[test]
fn a_directory_wants_titles_and_hints() {
    let icon = mcp_runtime::Icon::new("https://example.com/i.png");
    let server = |components| {
        Server::new("s", "1")
            .title("S")
            .icons([icon.clone()])
            .with(components)
    };
    let check =
        |server: Server| is_success(server.run_from(["check", "--directory", "--deny-warnings"]));
    assert!(check(server(components![search, number])));
    assert!(!check(server(components![search, add])));
    assert!(!check(Server::new("s", "1").with(components![search])));
    let report = json_of(&["check", "--directory", "--json"]);
    assert!(
        report["notes"][0]
            .as_str()
            .unwrap()
            .contains("--privacy-policy"),
        "{report}"
    );
}

#[test]
fn list_and_manifest_show_the_form() {
    let plain = json_of(&["list", "--json"]);
    for (name, mistakes) in [
        ("gemini", gemini_mistakes as fn(&Value) -> Vec<String>),
        ("openai", openai_mistakes),
    ] {
        let listed = json_of(&["list", "--json", "--dialect", name]);
        let tools = listed["tools"].as_array().unwrap();
        assert_ne!(listed["tools"], plain["tools"]);
        for tool in tools {
            assert_eq!(mistakes(&tool["inputSchema"]), [""; 0], "{name}: {tool:#}");
        }
        let manifest = json_of(&["manifest", "--dialect", name]);
        let definitions = manifest["definitions"].as_array().unwrap();
        let of_tools = definitions.iter().filter(|it| it["kind"] == "tool");
        for tool in of_tools {
            let schema = &tool["definition"]["inputSchema"];
            assert_eq!(mistakes(schema), [""; 0], "{name}: {tool:#}");
        }
    }
    assert_eq!(json_of(&["list", "--json", "--dialect", "client"]), plain);
    let both = run(&["manifest", "--write-lock", "--dialect", "gemini"]);
    assert_eq!(both.status.code(), Some(2));
}

/// Returns the answer of the server over stdio to one line.
fn served(arguments: &[&str], line: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wire-server"));
    let command = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut stdin = server.stdin.take().unwrap();
    writeln!(stdin, "{line}").unwrap();
    drop(stdin);
    let output = server.wait_with_output().unwrap();
    stdout(&output).lines().next().unwrap().to_owned()
}

#[test]
fn a_server_serves_the_form() {
    let line = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": { "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "ChatGPT", "version": "1" },
        } },
    });
    for (dialect, is_strict) in [
        (&[][..], false),
        (&["--dialect", "openai"], true),
        (&["--dialect", "client"], true),
    ] {
        let answer = served(dialect, &line.to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let tools = answer["result"]["tools"].as_array().unwrap();
        let strict = tools
            .iter()
            .all(|tool| openai_mistakes(&tool["inputSchema"]).is_empty());
        assert_eq!(strict, is_strict, "{dialect:?}");
    }
}
