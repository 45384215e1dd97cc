//! The commands in the guide: each `console` block is run, and its output compared. `BLESS=1` writes the output into the
//! chapters instead.
//!
//! A block whose comment begins with `not run:` is an exception, and says why. A line `...` stands for any lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::markdown::{blocks, chapters};

/// The programs that the commands run, and the folder that they are in.
const PROGRAMS: [(&str, &str); 2] = [
    ("calc", env!("CARGO_BIN_EXE_calc")),
    ("cafe", env!("CARGO_BIN_EXE_cafe")),
];

/// The commands that only the feature `dev` has.
const DEV: [&str; 4] = [" install", " uninstall", " bundle", " completions"];

/// A command of a block and the output that the guide shows.
struct Step {
    command: String,
    output: Vec<String>,
}

fn steps(code: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in code.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            let output = Vec::new();
            steps.push(Step { command, output });
            continue;
        }
        let last = steps.last_mut().expect("a block begins with a command");
        if last.command.ends_with('\\') {
            last.command.push('\n');
            last.command.push_str(line);
        } else {
            last.output.push(line.to_owned());
        }
    }
    steps
}

/// Runs a command in a folder, which is also the home of the user. Returns the lines that it prints.
fn run(command: &str, folder: &Path) -> Vec<String> {
    let programs = Path::new(PROGRAMS[0].1).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1 </dev/null\n{command}")])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", path)
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("text");
    // The machine of the reader has other paths, and the package another name.
    let text = text
        .replace(&*folder.to_string_lossy(), "/home/ada")
        .replace(&*programs.to_string_lossy(), "/home/ada/bin")
        .replace(env!("CARGO_PKG_NAME"), "calc");
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Returns `true` if the lines match those that the guide shows.
fn matches(shown: &[String], lines: &[String]) -> bool {
    match shown {
        [] => lines.is_empty(),
        [first, rest @ ..] if first == "..." => {
            (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..]))
        }
        [first, rest @ ..] => lines.first() == Some(first) && matches(rest, &lines[1..]),
    }
}

/// Returns `true` if this build has the commands of a block.
fn is_available(code: &str) -> bool {
    cfg!(feature = "all") || !DEV.iter().any(|command| code.contains(command))
}

/// Runs a block. Returns it with the output that the commands have.
fn replay(code: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut replayed = String::new();
    for step in steps(code) {
        let lines = run(&step.command, &folder.path().canonicalize().unwrap());
        let is_shown = matches(&step.output, &lines);
        let lines = if is_shown { step.output } else { lines };
        let line = format!("$ {}", step.command);
        for line in [line].into_iter().chain(lines) {
            replayed.push_str(&line);
            replayed.push('\n');
        }
    }
    replayed
}

#[test]
fn commands_print_what_the_guide_shows() {
    let is_blessing = std::env::var_os("BLESS").is_some();
    assert!(
        !is_blessing || std::env::var_os("CI").is_none(),
        "`BLESS` is set in CI, where tests must not rewrite the files that they compare with"
    );
    let (mut run, mut wrong) = (0, Vec::new());
    for chapter in chapters() {
        let mut text = fs::read_to_string(&chapter).unwrap();
        for block in blocks(&text) {
            let comment = block.comment.unwrap_or_default();
            let is_shown = block.info == "console" && !comment.starts_with("not run: ");
            if !is_shown || !is_available(&block.code) {
                continue;
            }
            run += 1;
            let replayed = replay(&block.code);
            if replayed == block.code {
                continue;
            }
            text = text.replacen(&block.code, &replayed, 1);
            wrong.push(format!(
                "{}:{}:\n{}-- but the commands print:\n{replayed}",
                chapter.display(),
                block.line,
                block.code
            ));
        }
        if is_blessing {
            fs::write(&chapter, text).unwrap();
        }
    }
    assert!(run > 5, "the blocks are not found");
    assert!(wrong.is_empty() || is_blessing, "{}", wrong.join("\n"));
}

#[test]
fn a_line_of_dots_stands_for_any_lines() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (shown, expected) in [
        ("a ... d", true),
        ("... d", true),
        ("a ...", true),
        ("a b", false),
        ("a ... c", false),
    ] {
        assert_eq!(
            matches(&lines(shown), &lines("a b c d")),
            expected,
            "{shown}"
        );
    }
}

#[test]
fn the_programs_are_in_one_folder() {
    let folder = |path| Path::new(path).parent().unwrap();
    for (name, path) in PROGRAMS {
        assert!(Path::new(path).ends_with(name));
        assert_eq!(folder(path), folder(PROGRAMS[0].1));
    }
}
