//! Words that plain technical English does not use here: metaphors, and clauses in place of a noun.

use std::path::{Path, PathBuf};

/// Words, in lower case. Each has a better one: the caller, the client, module, capacity, space, listener, timeout.
const WORDS: [&str; 9] = [
    "whoever", "house", "houses", "room", "rooms", "ear", "ears", "patience", "anew",
];

/// Phrases. A thing "is not a number", and a function "returns" a value.
const PHRASES: [&str; 4] = ["is none", "can be had", "what this gives", "is no json"];

/// Text with a word above that is meant as it is.
const EXCEPTIONS: [&str; 4] = [
    // A short form of "if there is no such value".
    "there is none",
    // The host of URIs in tests.
    "://house",
    // The names of test data.
    "\"room\"",
    "value.room",
];

/// The kinds of files with prose.
const KINDS: [&str; 6] = ["rs", "md", "toml", "py", "mjs", ""];

/// Returns the lines of the repository with such a word, each with its place.
pub(crate) fn find(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(root, &mut files);
    assert!(
        files.len() > 400,
        "the files of the repository are not found"
    );
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        let lines = text.lines().enumerate();
        let odd = lines.filter_map(|(index, line)| Some((index, word_in(line)?)));
        found.extend(odd.map(|(index, word)| format!("{shown}:{}: `{word}`", index + 1)));
    }
    found
}

/// Returns the first such word of a line.
pub(crate) fn word_in(line: &str) -> Option<&'static str> {
    // The case tells a phrase from code: Python has `is None`.
    let remove = |line: &str| {
        EXCEPTIONS
            .iter()
            .fold(line.to_owned(), |line, it| line.replace(it, ""))
    };
    let (line, lower) = (remove(line), remove(&line.to_lowercase()));
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut words = lower.split(|letter| !is_letter(letter));
    let word = words.find_map(|word| WORDS.iter().find(|odd| **odd == word));
    let phrase = PHRASES.iter().find(|phrase| {
        let ends = line
            .match_indices(*phrase)
            .map(|(at, text)| &line[at + text.len()..]);
        ends.into_iter().any(|rest| !rest.starts_with(is_letter))
    });
    word.or(phrase).copied()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !["target", ".git", "node_modules", "__pycache__", "golden"].contains(&name) {
                collect(&path, files);
            }
            continue;
        }
        let kind = path
            .extension()
            .and_then(|kind| kind.to_str())
            .unwrap_or_default();
        // This file lists the words.
        if KINDS.contains(&kind) && !path.ends_with("tidy/words.rs") && !name.starts_with("LICENSE")
        {
            files.push(path);
        }
    }
}

#[test]
fn odd_words_are_found_and_parts_of_others_are_not() {
    for (line, expected) in [
        ("/// Whoever reads it.", Some("whoever")),
        ("// It is none.", Some("is none")),
        ("    rooms: usize,", Some("rooms")),
        ("/// Returns `None` if there is none.", None),
        ("if early is None or is_none(bedroom):", None),
        ("/// The server has no ear", Some("ear")),
    ] {
        assert_eq!(word_in(line), expected, "{line}");
    }
}
