//! The binary's own command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[path = "cli/clients.rs"]
mod clients;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/manifest.rs"]
mod manifest;
#[cfg(unix)]
#[path = "cli/terminal.rs"]
mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitCode, Output, Stdio};

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, Components, Listing, ResourceLink, Tool};
#[cfg(target_os = "linux")]
use mcp_tests::schemas::{MODERN, expect, result};
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

/// A tool that is listed as data does not need a description.
fn numbers(_: Listing) -> Vec<ResourceLink> {
    vec![ResourceLink::new("numbers://1", "one")]
}

fn is_success(code: ExitCode) -> bool {
    // `ExitCode` does not implement `PartialEq`.
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
    #[allow(dead_code)] // only its schema is used
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
    let code = json!({ "type": "integer", "minimum": 1, "description": "Its code." });
    assert!(passes(
        json!({ "type": "object", "properties": { "code": code } })
    ));
    let code = json!({ "type": "integer", "multipleOf": 2, "description": "Its code." });
    assert_eq!(
        passes(json!({ "type": "object", "properties": { "code": code } })),
        held
    );
    let typed = Server::new("typed", "1").with(components![write]);
    assert_eq!(is_success(typed.run_from(["check"])), held);
}

#[test]
fn warnings_fail_only_if_they_are_denied() {
    /// Open a page.
    #[tool]
    async fn open(
        /// Its address.
        _page: url::Url,
    ) {
    }
    let long_name = "pages".repeat(12);
    // Clients prefix the names of tools with that of the server.
    for (name, opens, is_clean) in [
        ("pages", false, true),
        (long_name.as_str(), false, false),
        ("pages", true, false),
    ] {
        let check = |arguments: &[&str]| {
            let mut server = Server::new(name, "1").with(components![add]);
            if opens {
                server = server.with(components![open]);
            }
            is_success(server.run_from(arguments))
        };
        assert!(check(&["check"]), "{name}");
        let denied = check(&["check", "--deny-warnings"]);
        assert_eq!(denied, is_clean, "{name}");
    }
}

#[test]
fn check_finds_fields_without_a_description() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)] // only its schema is used
    struct Bare {
        x: f64,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)] // only its schema is used
    struct Documented {
        /// The distance from the origin.
        x: f64,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)] // only its schema is used
    enum Shape<T> {
        /// A point.
        Point(T),
        /// Several points.
        Line(Vec<T>),
    }
    /// Take points.
    #[tool]
    async fn bare(
        /// The shapes.
        _shapes: Vec<Shape<Bare>>,
    ) {
    }
    /// Take points.
    #[tool]
    async fn documented(
        /// The shapes.
        _shapes: Vec<Shape<Documented>>,
    ) {
    }
    let passes = |components: Components| {
        let server = Server::new("shapes", "1").with(components);
        is_success(server.run_from(["check"]))
    };
    assert!(!passes(components![bare]));
    assert!(passes(components![documented]));
}

#[test]
fn functions_that_fail_are_findings_and_not_hidden() {
    fn fails(_: Listing) -> Result<Vec<ResourceLink>, ToolError> {
        Err(ToolError::new("the disk is gone"))
    }
    /// A page.
    #[resource("pages://{name}", list = fails)]
    async fn page(name: String) -> String {
        name
    }
    fn completes(_: Completion) -> Result<Vec<String>, ToolError> {
        Err(ToolError::new("the disk is gone"))
    }
    /// Write a page.
    #[prompt]
    async fn write(
        /// Its name.
        #[arg(complete = completes)]
        name: String,
    ) -> String {
        name
    }
    let run = |components: Components, command: &str| {
        let server = Server::new("pages", "1").with(components);
        is_success(server.run_from([command]))
    };
    assert!(!run(components![page, add], "check"));
    assert!(!run(components![write, add], "check"));
    // The list would be incomplete.
    assert!(!run(components![page, add], "list"));
    assert!(run(components![number, add], "list"));
}

#[test]
fn check_prints_a_line_for_each_finding() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Vec<&str> = stdout(&output).lines().collect();
    let line = "tool `exact`: argument `number` has no description: write a doc comment on the parameter, or set `description`";
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
fn list_shows_items_fields_values_and_defaults() {
    let output = run(&["list"]);
    for line in [
        "echo_list texts=<[string]>",
        "optional [number=<integer>] [alias=<string>] [seven=<integer> default 7] [zero=<integer> default 0] [type=<string>]",
        "report report=<{title: string, points: [{x: integer, y: number}], unit: metric|imperial, remark?: string}> #reports #data",
        "routed region=<string> [size=<integer>] [dry=<boolean>] [unit=<metric|imperial>] [place=<{level?: integer}>]",
        "greet name=<text> [times=<text>] [unit=<text>]",
    ] {
        let found = stdout(&output).lines().any(|it| it.trim() == line);
        assert!(found, "{line}: {}", stdout(&output));
    }
}

#[test]
fn help_names_every_command_and_option() {
    let output = run(&["--help"]);
    for command in ["list", "check", "manifest", "call", "read", "prompt"] {
        let line = format!("  {command} ");
        assert!(stdout(&output).contains(&line), "{command}");
    }
    for (option, variable) in [
        ("http", "HTTP"),
        ("unix", "UNIX"),
        ("path", "PATH"),
        ("allow-host", "ALLOW_HOST"),
        ("allow-origin", "ALLOW_ORIGIN"),
        ("trust-proxy", "TRUST_PROXY"),
        ("insecure", "INSECURE"),
    ] {
        let mut lines = stdout(&output).lines();
        let line = lines.find(|line| line.contains(&format!(" --{option} ")));
        let line = line.expect(option);
        assert!(line.contains(&format!("[env: MCP_{variable}=")), "{line}");
    }
}

/// The output of a command line of the server, on a terminal or in a pipe. `$TEXT` in it stands for [`HOSTILE`].
#[cfg(target_os = "linux")]
fn printed(arguments: &str, terminal: bool) -> String {
    let line = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_wire-server"));
    let mut command = if terminal {
        let mut script = Command::new("script");
        script.args(["--quiet", "--command", &line, "/dev/null"]);
        script
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} 2>&1")]);
        shell
    };
    let command = command.env("TEXT", HOSTILE).stdin(Stdio::null());
    let output = command.output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

/// Text that clears a terminal, rings its bell, moves the cursor back and deletes.
#[cfg(target_os = "linux")]
const HOSTILE: &str = "a\u{1b}[2J\u{7}\r\u{7f}\u{9b}2J\tb\nc";

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_no_control_characters() {
    let harmless = "a\\u001b[2J\\u0007\\u000d\\u007f\\u009b2J\tb\nc";
    // The server escapes what its errors repeat.
    let escaped = "a\\u{1b}[2J\\u{7}\\r\\u{7f}\\u{9b}2J\\tb\\nc";
    for (command, start) in [
        ("call echo_owned text=\"$TEXT\"", ""),
        ("read 'echo://a%1B%5B2J%07%0D%7F%C2%9B2J%09b%0Ac'", ""),
        ("prompt greet name=\"$TEXT\"", "user: Hello "),
        ("call --\"$TEXT\"", "error: unexpected argument '--"),
    ] {
        let shown = printed(command, true);
        let expected = format!("{start}{harmless}");
        assert!(shown.contains(&expected), "{command}: {shown:?}");
        let piped = printed(command, false);
        let expected = format!("{start}{HOSTILE}");
        assert!(piped.contains(&expected), "{command}: {piped:?}");
    }
    for terminal in [true, false] {
        let shown = printed("call \"$TEXT\"", terminal);
        let expected = format!("error: Unknown tool: `{escaped}`");
        assert!(shown.contains(&expected), "{shown:?}");
    }
    let json = printed("call echo_owned --json text=\"$TEXT\"", true);
    let json: Value = serde_json::from_str(&json).unwrap();
    expect(result(MODERN, "tools/call", &json));
    assert_eq!(json["content"][0]["text"], HOSTILE);
}

#[test]
fn log_messages_go_to_stderr_if_they_are_asked_for() {
    let (detail, disk) = ("debug: a detail", "warning disk: {\"free\":1}");
    for (level, expected) in [
        (None, [false, false]),
        (Some("debug"), [true, true]),
        (Some("warning"), [false, true]),
        (Some("error"), [false, false]),
    ] {
        let mut arguments = vec!["call", "logs"];
        arguments.extend(level.iter().flat_map(|level| ["--log-level", level]));
        let output = run(&arguments);
        let stderr = std::str::from_utf8(&output.stderr).unwrap();
        let printed = [detail, disk].map(|line| stderr.lines().any(|it| it == line));
        assert_eq!(printed, expected, "{level:?}: {stderr}");
        assert!(!stdout(&output).contains("detail"));
        assert!(output.status.success());
    }
}
/// Starts the server with these arguments and variables. Returns it with the line that says where it serves.
fn serve(arguments: &[&str], variables: &[(&str, &str)]) -> (Serving, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wire-server"))
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    (Serving(child), line)
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Posts an object that is not a message. Returns the status: 400 if the path, the host and the origin are allowed.
fn status(line: &str, path: &str, host: &str, origin: &str) -> u16 {
    let address = line.split("http://").nth(1).unwrap().split('/').next();
    let mut stream = TcpStream::connect(address.unwrap()).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n"
    );
    write!(
        stream,
        "{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response[9..12].parse().unwrap()
}

#[test]
fn the_endpoint_is_configured_by_arguments_or_variables() {
    const LOCAL: &str = "http://localhost";
    let http = ["--http", "127.0.0.1:0"];
    let variables = [
        ("MCP_HTTP", "127.0.0.1:0"),
        ("MCP_PATH", "/api/mcp"),
        ("MCP_ALLOW_HOST", "a.example, b.example,"),
        ("MCP_ALLOW_ORIGIN", "https://a.example,https://b.example"),
    ];
    let arguments = [
        &http[..],
        &["--path", "/api/mcp"],
        &["--allow-host", "a.example,b.example"],
        &["--allow-origin", "https://a.example"],
        &["--allow-origin", "https://b.example"],
    ]
    .concat();
    // Arguments override variables, and a variable that is set to nothing counts as not set.
    let overridden = [("MCP_HTTP", "wrong"), ("MCP_PATH", "/other")];
    let empty = [("MCP_UNIX", ""), ("MCP_PATH", ""), ("MCP_ALLOW_HOST", "")];
    for (arguments, variables, is_configured) in [
        (&arguments[..], &[][..], true),
        (&[], &variables, true),
        (&arguments, &overridden, true),
        (&http, &empty, false),
    ] {
        let place = format!("{arguments:?} {variables:?}");
        let (_server, line) = serve(arguments, variables);
        let (path, allowed) = if is_configured {
            ("/api/mcp", 400)
        } else {
            ("/mcp", 403)
        };
        assert!(line.contains(&format!("{path} ")), "{place}: {line}");
        assert_eq!(status(&line, path, "localhost", LOCAL), 400, "{place}");
        assert_eq!(status(&line, "/wrong", "localhost", LOCAL), 404, "{place}");
        for name in ["a.example", "b.example"] {
            assert_eq!(status(&line, path, name, LOCAL), allowed, "{place}: {name}");
            let origin = format!("https://{name}");
            assert_eq!(
                status(&line, path, "localhost", &origin),
                allowed,
                "{place}"
            );
        }
        for (host, origin) in [("c.example", LOCAL), ("localhost", "https://c.example")] {
            assert_eq!(status(&line, path, host, origin), 403, "{place}: {host}");
        }
    }
}

#[test]
fn an_address_that_others_can_reach_is_served_if_the_operator_says_so() {
    let http = ["--http", "0.0.0.0:0"];
    for (arguments, variables) in [
        (&[&http[..], &["--insecure"]].concat()[..], &[][..]),
        (&http, &[("MCP_INSECURE", "1")]),
    ] {
        let (_server, line) = serve(arguments, variables);
        assert!(line.contains("Serving MCP at http://0.0.0.0:"), "{line}");
    }
}

#[test]
fn options_that_have_no_effect_or_exclude_each_other_are_errors() {
    let http = ("MCP_HTTP", "127.0.0.1:0");
    let unix = ("MCP_UNIX", "/nowhere/mcp.sock");
    for (arguments, variables, error) in [
        (
            &["--path", "/x"][..],
            &[][..],
            "`--path` has no effect without",
        ),
        (&["--allow-host", "x"], &[], "`--allow-host` has no effect"),
        (
            &["--allow-origin", "x"],
            &[],
            "`--allow-origin` has no effect",
        ),
        (
            &["--trust-proxy", "10.0.0.0/8"],
            &[],
            "`--trust-proxy` has no effect",
        ),
        (&["--insecure"], &[], "`--insecure` has no effect"),
        (
            &["--http", "--trust-proxy", "example.com"],
            &[],
            "`example.com` is not a network",
        ),
        (
            &["--http", "0.0.0.0:0"],
            &[],
            "the server has no authorization",
        ),
        (
            &["--http", "0.0.0.0:0"],
            &[("MCP_INSECURE", "false")],
            "the server has no authorization",
        ),
        (&["--http", "--unix", "x"], &[], "exclude each other"),
        (&[], &[http, unix], "exclude each other"),
        (&["--http", "--path", "x"], &[], "must begin with `/`"),
        // The argument overrides the variable.
        (
            &["--unix", "/nowhere/mcp.sock"],
            &[http],
            "cannot listen on `/nowhere/",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wire-server"));
        let output = command
            .args(arguments)
            .envs(variables.iter().copied())
            .output();
        let output = output.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains(error),
            "{arguments:?} {variables:?}: {stderr}"
        );
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

/// In a container, the variables are set for commands, too, and for servers that hosts start over stdio.
#[test]
fn variables_of_the_endpoint_do_not_disturb_commands() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wire-server"));
    command.env("MCP_HTTP", "127.0.0.1:0").env("MCP_PATH", "/x");
    assert!(command.arg("list").output().unwrap().status.success());

    let mut command = Command::new(env!("CARGO_BIN_EXE_wire-server"));
    let stdio = command
        .env("MCP_PATH", "/x")
        .env("MCP_ALLOW_HOST", "x")
        .stdin(Stdio::null());
    assert!(stdio.output().unwrap().status.success());
}
