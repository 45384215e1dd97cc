//! Commands that call the components of a server, as scripts use them.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{run, stdout};

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(stdout(output)).unwrap()
}

#[test]
fn arguments_are_given_as_a_whole_or_one_by_one() {
    let whole = run(&["call", "echo_owned", "--arguments", r#"{"text":"a b"}"#]);
    assert_eq!(
        stdout(&whole),
        stdout(&run(&["call", "echo_owned", "text=a b"]))
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_wire-server"))
        .args(["call", "echo_owned", "--arguments", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(br#"{"text":"from stdin"}"#).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let texts = json_of(&output)["content"][0]["text"].to_string();
    assert!(texts.contains("from stdin"), "{texts}");
    for arguments in ["[]", "{", r#"{"text":"a"} x"#] {
        let output = run(&["call", "echo_owned", "--arguments", arguments]);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(
            stderr.contains("`--arguments` is not a JSON object"),
            "{stderr}"
        );
        assert_eq!(code(&output), Some(1));
    }
}

#[test]
fn images_audio_and_resources_are_saved() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("picture.png");
    let output = run(&["call", "picture", "--out", file.to_str().unwrap()]);
    assert!(stdout(&output).contains("saved "), "{output:?}");
    let saved = fs::metadata(&file).unwrap().len();
    let shown = json_of(&run(&["call", "picture", "--json"]));
    let base64 = shown["content"][0]["data"].as_str().unwrap().len();
    assert_eq!(usize::try_from(saved).unwrap().div_ceil(3) * 4, base64);
    let several = folder.path().join("new");
    let output = run(&["call", "sound", "--out", &format!("{}/", several.display())]);
    assert_eq!(code(&output), Some(0), "{output:?}");
    assert_eq!(fs::read_dir(&several).unwrap().count(), 1);
    let none = run(&["call", "half", "number=3", "--out", file.to_str().unwrap()]);
    assert_eq!(code(&none), Some(1), "{none:?}");
}

#[test]
fn exit_codes_tell_what_failed() {
    for (arguments, expected) in [
        (vec!["call", "half", "number=3"], 0),
        (vec!["call", "fails_politely"], 1),
        (vec!["call", "half", "number=x"], 1),
        (vec!["call", "no_such_tool"], 2),
        (vec!["read", "nowhere://x"], 2),
        (vec!["prompt", "no_such_prompt"], 2),
        (vec!["call"], 2),
        (vec!["no-such-command"], 2),
        (vec!["list", "--env-file", "/nowhere/x.env"], 2),
    ] {
        let output = run(&arguments);
        assert_eq!(code(&output), Some(expected), "{arguments:?}: {output:?}");
    }
}

#[test]
fn variables_of_a_file_are_set_before_the_options_are_read() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("server.env");
    fs::write(&file, "# the place\nMCP_HTTP=127.0.0.1:0\nMCP_PATH='x'\n").unwrap();
    let file = file.to_str().unwrap();
    let output = run(&["--env-file", file]);
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(stderr.contains("must begin with `/`"), "{stderr}");
    // A variable that is set already stays.
    let output = Command::new(env!("CARGO_BIN_EXE_wire-server"))
        .args([&format!("--env-file={file}")])
        .env("MCP_PATH", "y")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("`y` must begin"), "{stderr}");
}

#[test]
fn every_command_prints_json_on_request() {
    let folder = TempDir::new().unwrap();
    let lock = folder.path().join("mcp.lock");
    let lock = lock.to_str().unwrap();
    for (arguments, place) in [
        (&["list"][..], "/tools"),
        (&["call", "echo_owned", "text=a"], "/content"),
        (&["read", "text://readme"], "/0/text"),
        (&["prompt", "greet", "name=a"], "/0/content"),
        (&["complete", "greet", "name"], "/values"),
        (&["manifest"], "/definitions"),
        (&["manifest", "--write-lock", lock], "/definitions"),
    ] {
        let output = run(&[arguments, &["--json"]].concat());
        let printed = json_of(&output);
        assert!(printed.pointer(place).is_some(), "{arguments:?}: {printed}");
    }
}

#[test]
fn findings_are_printed_as_json() {
    let found = json_of(&run(&["check", "--json"]));
    let found = found["findings"].as_array().unwrap();
    let lines = stdout(&run(&["check"])).lines().count();
    assert!(!found.is_empty() && found.len() <= lines, "{found:?}");
    assert!(
        found
            .iter()
            .all(|it| it["text"].is_string() && it["sources"].is_array())
    );
}

#[test]
fn arguments_are_completed() {
    let output = run(&["complete", "greet", "name", "name-any-01", "--json"]);
    let completed = json_of(&output);
    assert_eq!(completed["values"][0], "name-any-010");
    assert_eq!(completed["hasMore"], json!(false));
    let lines = run(&["complete", "greet", "name", "name-any-01"]);
    assert_eq!(stdout(&lines).lines().count(), 10);
    let all = json_of(&run(&["complete", "greet", "name", "--json"]));
    assert_eq!(all["hasMore"], true);
}
