//! What a server binary writes to stderr, in both formats.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use mcp_tests::conversation::Conversation;
use serde_json::{Value, json};

use super::observed::{BROKEN, SLOW, TRAP};

/// The environment variables that must not come from the environment of the test.
const VARIABLES: [&str; 3] = ["RUST_LOG", "RUST_BACKTRACE", BROKEN];

pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observed-server"));
    command.args(arguments);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

/// Serves these messages over stdio, and checks the replies.
pub(super) fn serve(mut command: Command, messages: &[Value]) -> Output {
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let conversation = Conversation::new("2025-11-25");
    let mut input = child.stdin.take().unwrap();
    for message in messages {
        let message = format!("{message}\n");
        conversation.wrote(message.as_bytes());
        input.write_all(message.as_bytes()).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    for line in text(&output.stdout).lines() {
        conversation.received(&serde_json::from_str(line).expect(line));
    }
    output
}

pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn call(id: usize, tool: &str, arguments: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call" });
    message["params"] = json!({ "name": tool, "arguments": arguments });
    message
}

fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" }
    } })
}

/// A text that would be a line of the log, and would colour a terminal.
const HOSTILE: &str =
    "x\n2026-01-01T00:00:00.000000Z ERROR mcp_runtime: forged\r\u{1b}[31m\u{9b}0m\u{7f}";

/// The calls of the transcript. The last one shows that the server still serves.
fn calls() -> Vec<Value> {
    vec![
        initialize(),
        call(1, "fails", json!({ "text": TRAP })),
        call(2, "panics", json!({ "text": HOSTILE })),
        call(3, "blocks", json!({})),
        call(4, "late", json!({})),
        call(5, "echo", json!({ "text": TRAP })),
    ]
}

/// Returns the reference that the model got for the call with this id.
fn reference(output: &Output, id: usize) -> String {
    let replies = text(&output.stdout).lines();
    let replies = replies.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let reply = replies.into_iter().find(|reply| reply["id"] == id).unwrap();
    let said = reply["result"]["content"][0]["text"].as_str().unwrap();
    let (_, rest) = said.split_once("(reference ").expect(said);
    rest.trim_end_matches(')').to_owned()
}

#[test]
fn a_line_of_text_for_each_warning_and_error() {
    let output = serve(command(&[]), &calls());
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    let (failed, panicked) = (reference(&output, 1), reference(&output, 2));
    let expected = [
        format!(
            " WARN mcp_runtime::dispatch::failure: a handler failed handler=\"fails\" reference=\"{failed}\" \
             error=\"the database failed: unable to open database file\""
        ),
        "ERROR mcp_runtime::cli::log: a panic: it broke: x\\u000a2026-01-01T00:00:00.000000Z ERROR mcp_runtime: \
         forged\\u000d\\x1b[31m\\u{9b}0m\\x7f location=tests/src/bin/observed-server/server.rs:"
            .to_owned(),
        format!(
            "ERROR mcp_runtime::dispatch::contain: a handler panicked handler=\"panics\" reference=\"{panicked}\" \
             panic=\"it broke: x\\n2026-01-01T"
        ),
        " WARN mcp_runtime::dispatch::run: an async handler blocked its thread: use a plain `fn`, or await the slow \
         operation handler=\"blocks\" duration_ms=1"
            .to_owned(),
        " WARN mcp_runtime::dispatch::contain: a handler took longer than its timeout and was stopped \
         handler=\"late\" duration_ms=30"
            .to_owned(),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.starts_with("20"), "{line}");
        assert!(rest.starts_with(&expected), "{rest}\n{expected}");
        assert!(!line.contains(|letter: char| letter.is_control()), "{line}");
    }
    assert!(!text(&output.stderr).contains(TRAP));
}

#[test]
fn a_json_object_for_each_event() {
    let output = serve(
        command(&["--log", "info", "--log-format", "json"]),
        &calls(),
    );
    let lines = text(&output.stderr).lines();
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    for event in &events {
        let keys: Vec<_> = event.as_object().unwrap().keys().collect();
        let expected = ["timestamp", "level", "target", "fields", "request"];
        assert_eq!(keys, expected, "{event}");
    }
    let of = |target: &'static str| events.iter().filter(move |event| event["target"] == target);
    let failed = of("mcp_runtime::dispatch::failure").next().unwrap();
    assert_eq!(failed["level"], "WARN");
    assert_eq!(failed["fields"]["reference"], reference(&output, 1));
    let chain = "the database failed: unable to open database file";
    assert_eq!(failed["fields"]["error"], chain);
    assert_eq!(failed["request"], json!({ "id": 1 }));
    let panicked = of("mcp_runtime::dispatch::contain").next().unwrap();
    assert_eq!(panicked["fields"]["panic"], format!("it broke: {HOSTILE}"));
    assert_eq!(panicked["fields"]["reference"], reference(&output, 2));
    let outcomes: Vec<_> = of("mcp_runtime::request")
        .map(|event| event["fields"]["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        ["ok", "tool_error", "tool_error", "ok", "ok", "timed_out"],
        "the call that is stopped is the last to end"
    );
    assert_eq!(events.len(), 5 + 6);
    assert!(!text(&output.stderr).contains(TRAP));
}

/// Returns the value of a field that is a number.
fn number(line: &str, name: &str) -> f64 {
    let (_, rest) = line.split_once(&format!(" {name}=")).expect(line);
    rest.split(' ').next().unwrap().parse().expect(line)
}

/// Slow calls that wait: one ends in time, and one is stopped.
#[test]
fn a_slow_call_is_an_event_with_its_duration() {
    let calls = [
        initialize(),
        call(1, "slow", json!({})),
        call(2, "late", json!({})),
    ];
    let output = serve(command(&["--log", "info"]), &calls);
    let lines = text(&output.stderr).lines();
    let lines: Vec<_> = lines.map(|line| line.split_once(' ').unwrap().1).collect();
    let event = |tool: &str| {
        let component = format!(" component=\"{tool}\" ");
        let mut of_tool = lines.iter().filter(|line| line.contains(&component));
        *of_tool.next().unwrap_or_else(|| panic!("{lines:#?}"))
    };
    let slow = event("slow");
    let begin = " INFO mcp_runtime::request: a request ended method=\"tools/call\" component=\"slow\" outcome=\"ok\" duration_ms=";
    assert!(slow.starts_with(begin), "{slow}");
    let least = SLOW.as_secs_f64() * 1000.0;
    assert!(number(slow, "duration_ms") >= least, "{slow}");
    let late = event("late");
    assert!(late.contains(" outcome=\"timed_out\" "), "{late}");
    assert!(number(late, "duration_ms") >= 30.0, "{late}");
    let expected = [
        " WARN mcp_runtime::dispatch::contain: a handler took longer than its timeout and was stopped \
         handler=\"late\" duration_ms=30 request{id=2}",
        " INFO observed_server::server: after the wait request{id=1}",
    ];
    for expected in expected {
        assert!(lines.contains(&expected), "{expected}\n{lines:#?}");
    }
    assert_eq!(lines.len(), 3 + 2, "{lines:#?}");
}

#[test]
fn a_start_that_fails_is_reported_with_its_causes() {
    let chain =
        "the server could not be started: the database failed: unable to open database file";
    for arguments in [&[][..], &["--log", "off"]] {
        let mut command = command(arguments);
        let output = serve_nothing(command.env(BROKEN, "1"));
        assert_eq!(text(&output.stderr), format!("error: {chain}\n"));
        assert_eq!(output.status.code(), Some(1));
    }
    let mut command = command(&["--log-format", "json"]);
    let output = serve_nothing(command.env(BROKEN, "1"));
    let line: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["fields"]["message"], chain);
}

fn serve_nothing(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_flag_takes_precedence_over_the_variable() {
    let messages = [initialize()];
    for (variable, flag, events) in [
        (None, None, 0),
        (Some("info"), None, 1),
        (Some("mcp_runtime=info,warn"), None, 1),
        (Some("elsewhere=info,warn"), None, 0),
        (Some("info"), Some("warn"), 0),
        (Some("warn"), Some("info"), 1),
        (Some(""), None, 0),
    ] {
        let mut command = command(&[]);
        if let Some(variable) = variable {
            command.env("RUST_LOG", variable);
        }
        if let Some(flag) = flag {
            command.args(["--log", flag]);
        }
        let output = serve(command, &messages);
        let lines = text(&output.stderr).lines().count();
        assert_eq!(lines, events, "{variable:?} {flag:?}");
    }
}

#[test]
fn a_filter_that_cannot_be_read_is_an_error_and_in_the_environment_a_warning() {
    let refused = serve_nothing(&mut command(&["--log", "debgu"]));
    assert_eq!(refused.status.code(), Some(2));
    let told = text(&refused.stderr);
    assert!(
        told.contains("`debgu` is neither a level nor TARGET=LEVEL"),
        "{told}"
    );
    let mut command = command(&[]);
    command.env("RUST_LOG", "debgu");
    let output = serve(command, &[initialize()]);
    let told = text(&output.stderr);
    assert!(
        told.contains("RUST_LOG is ignored: `debgu` is neither"),
        "{told}"
    );
    assert_eq!(text(&output.stdout).lines().count(), 1);
}

#[test]
fn the_commands_have_a_log_too() {
    let output = serve_nothing(&mut command(&[
        "call",
        "fails",
        "text=x",
        "--log-format",
        "json",
    ]));
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = text(&output.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let reference = lines[0]["fields"]["reference"].as_str().unwrap();
    let said = lines[1]["fields"]["message"].as_str().unwrap();
    assert!(said.contains(reference), "{lines:#?}");
}
