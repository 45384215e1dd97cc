//! Commands at a terminal: a pseudoterminal is stdin and stderr of the program.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// What a program did: what the terminal showed, its stdout, and whether it succeeded.
struct Ran {
    shown: String,
    stdout: String,
    is_success: bool,
}

/// Runs the server with these arguments, while somebody types these lines.
fn at_terminal(arguments: &[&str], typed: &str) -> Ran {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path.to_str().unwrap())
        .unwrap();
    let mut master = File::from(master);
    // The terminal keeps the lines until they are read.
    master.write_all(typed.as_bytes()).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_playground-server"))
        .args(arguments)
        .stdin(terminal.try_clone().unwrap())
        .stderr(terminal)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut part = [0; 1024];
    // Fails once no program has the terminal any more.
    while let Ok(length @ 1..) = master.read(&mut part) {
        shown.extend_from_slice(&part[..length]);
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        shown: String::from_utf8(shown).unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        is_success: output.status.success(),
    }
}

#[test]
fn a_question_is_asked_at_the_terminal_and_repeated_until_the_answer_is_valid() {
    let ran = at_terminal(&["call", "reserve"], "12\n4\ny\n\n5\n\n\n");
    assert!(ran.is_success, "{}", ran.shown);
    assert_eq!(ran.stdout, "4 and 5 guests, None\n");
    let order = [
        "The server asks: For how many?",
        "1 to 9",
        "Send this answer? [Y/n]",
        "The server asks: Are you sure?",
    ];
    let mut rest = ran.shown.as_str();
    for part in order {
        let found = rest.split_once(part);
        rest = found.unwrap_or_else(|| panic!("{part}: {}", ran.shown)).1;
    }
}

#[test]
fn a_declined_or_ended_question_fails_the_call() {
    // The second one ends the input.
    for typed in ["4\n\nn\n", "4\n\u{4}"] {
        let ran = at_terminal(&["call", "reserve"], typed);
        assert!(!ran.is_success, "{typed:?}: {}", ran.shown);
        assert!(!ran.stdout.contains("guests"), "{typed:?}: {}", ran.stdout);
    }
}

#[test]
fn progress_and_requested_logs_are_shown_at_the_terminal_and_not_in_the_result() {
    let ran = at_terminal(&["call", "slow", "--log-level", "info"], "");
    assert!(ran.is_success, "{}", ran.shown);
    assert_eq!(ran.stdout, "done\n");
    for part in ["working", "info: step 50", "% ("] {
        assert!(ran.shown.contains(part), "{part}: {}", ran.shown);
    }
}
