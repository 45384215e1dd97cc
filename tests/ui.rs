//! Mistakes of users, and the compiler errors of each.
//!
//! `TRYBUILD=overwrite cargo test -p mcp-tests --test ui` rewrites the `.stderr` files; review the changes. The files
//! have the errors of the stable compiler.
//!
//! One call of cargo checks all cases. With a case that must compile (`trybuild::TestCases::pass`), trybuild would call
//! cargo for each case separately, and generate code for all dependencies. Such cases are test targets of `mcp-tests-pass`.

#![allow(clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use mcp_tests::bless::is_blessing;

#[test]
fn the_compiler_explains_every_mistake() {
    is_blessing("TRYBUILD");
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
}

#[test]
fn there_are_enough_cases() {
    let mistakes = files("ui/fail", "rs");
    assert!(mistakes.len() >= 293);
    let several = mistakes.iter().filter(|case| has_several_mistakes(case));
    assert!(several.count() >= 25);
    assert!(files("pass/tests", "rs").len() >= 45);
}

#[test]
fn every_case_that_compiles_is_run() {
    for path in files("pass/tests", "rs") {
        let source = fs::read_to_string(&path).expect("a case is text");
        let run = source.lines().zip(source.lines().skip(1));
        let tests = run.filter(|(attribute, function)| {
            attribute.ends_with("test]") && function.contains("fn it_runs()")
        });
        assert_eq!(tests.count(), 1, "{}", path.display());
    }
}

#[test]
fn every_mistake_has_its_message() {
    for (one, other) in [("rs", "stderr"), ("stderr", "rs")] {
        for path in files("ui/fail", one) {
            assert!(
                path.with_extension(other).exists(),
                "{} is alone",
                path.display()
            );
        }
    }
}

#[test]
fn one_mistake_is_one_error() {
    for (path, message) in messages() {
        let errors = message
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        if has_several_mistakes(&path) {
            assert!(errors >= 3, "{}: {errors} errors", path.display());
        } else {
            assert_eq!(errors, 1, "{}: {errors} errors", path.display());
        }
        assert!(
            !message.contains("warning"),
            "{} warns of something besides",
            path.display()
        );
    }
}

#[test]
fn every_error_is_shown_at_what_the_user_wrote() {
    for (path, message) in messages() {
        let case = path.with_extension("rs");
        let name = case
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        for error in message.split("\nerror") {
            let shown = error
                .lines()
                .find(|line| line.trim_start().starts_with("--> "));
            let at_case = shown.is_some_and(|line| line.contains(&format!("ui/fail/{name}:")));
            assert!(at_case, "{}: {error}", path.display());
        }
    }
}

/// Messages show no internal names, and nothing that differs between two machines.
#[test]
fn no_message_shows_what_is_inside() {
    const INSIDE: [&str; 9] = [
        "__private",
        "__mcp",
        "serde::",
        "serde_",
        "schemars",
        "inventory",
        "$RUST",
        "$CARGO",
        "following other types",
    ];
    for (path, message) in messages() {
        let message = without_attributes(&without_lines_of_users(&message));
        for inside in INSIDE {
            assert!(
                !message.contains(inside),
                "{} mentions {inside}",
                path.display()
            );
        }
    }
}

/// Returns `true` if the name says that the case has several mistakes.
fn has_several_mistakes(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("all_"))
}

/// Messages may name attributes to add, such as a derive.
fn without_attributes(message: &str) -> String {
    let mut parts = message.split("#[");
    let before = parts.next().unwrap_or_default().to_owned();
    let after = parts.map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
    after.fold(before, |all, part| all + part)
}

/// Removes lines of the user's code, which have a number, and the names of the user's files.
fn without_lines_of_users(message: &str) -> String {
    let is_ours = |line: &&str| {
        let number = line.split_once('|').map(|(number, _)| number.trim());
        let is_code = number.is_some_and(|number| number.parse::<u32>().is_ok());
        !is_code && !line.contains("--> ui/fail/")
    };
    message.split_inclusive('\n').filter(is_ours).collect()
}

fn messages() -> impl Iterator<Item = (PathBuf, String)> {
    files("ui/fail", "stderr").into_iter().map(|path| {
        let message = fs::read_to_string(&path).expect("a message is text");
        (path, message)
    })
}

/// The files of a folder, sorted.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}
