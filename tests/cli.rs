//! The binary's own command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

use std::process::{Command, ExitCode, Output};

use mcp_runtime::Listing;
use mcp_runtime::prelude::*;
use mcp_runtime::{ResourceLink, Tool};
use serde_json::{Value, json};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wire-server"));
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Add two numbers.
#[tool]
async fn add(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> f64 {
    a + b
}

/// Subtract two numbers.
#[tool]
async fn subtract(a: f64, b: f64) -> f64 {
    a - b
}

/// A number.
#[resource("numbers://{number}", list = numbers)]
async fn number(number: u8) -> String {
    number.to_string()
}

/// What is listed is data, and needs no description.
fn numbers(_: Listing) -> Vec<ResourceLink> {
    vec![ResourceLink::new("numbers://1", "one")]
}

fn is_success(code: ExitCode) -> bool {
    // An exit code can be compared in no other way.
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

#[test]
fn check_succeeds_where_it_finds_nothing() {
    let server = || Server::new("numbers", "1").with(components![add, number]);
    assert!(is_success(server().run_from(["check"])));
    let server = server().with(components![subtract]);
    assert!(!is_success(server.run_from(["check"])));
}

#[test]
fn check_finds_what_no_call_is_held_to() {
    fn passes(schema: Value) -> bool {
        let raw = Tool::new("raw", schema, |_: Value, _: Context| async {});
        let server = Server::new("raw", "1").with(raw.description("Does it."));
        is_success(server.run_from(["check"]))
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)] // only its schema is wanted
    struct Mail(#[schemars(email)] String);
    /// Write to somebody.
    #[tool]
    async fn write(
        /// Who.
        _to: Mail,
    ) {
    }

    let held = cfg!(feature = "validate");
    assert!(passes(json!({ "type": "object" })));
    let code = json!({ "type": "integer", "description": "Its code." });
    assert_eq!(
        passes(json!({ "type": "object", "properties": { "code": code } })),
        held
    );
    let typed = Server::new("typed", "1").with(components![write]);
    assert_eq!(is_success(typed.run_from(["check"])), held);
}

#[test]
fn check_prints_a_line_for_each_finding() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Vec<&str> = stdout(&output).lines().collect();
    let line =
        "tool `exact`: argument `number` has no description: write a doc comment on the parameter";
    assert!(found.contains(&line), "{found:#?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn list_shows_tags() {
    let output = run(&["list"]);
    assert!(output.status.success());
    let line = stdout(&output)
        .lines()
        .find(|line| line.starts_with("  report "));
    assert!(line.unwrap().ends_with(" #reports #data"), "{line:?}");

    let output = run(&["list", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tools = list["tools"].as_array().unwrap();
    let tags = |name| tools.iter().find(|tool| tool["name"] == name).unwrap()["tags"].clone();
    assert_eq!(tags("report"), serde_json::json!(["reports", "data"]));
    assert_eq!(tags("numbers"), Value::Null);
}

#[test]
fn help_names_every_command() {
    let output = run(&["--help"]);
    for command in ["list", "check", "call", "read", "prompt"] {
        let line = format!("  {command} ");
        assert!(stdout(&output).contains(&line), "{command}");
    }
}
