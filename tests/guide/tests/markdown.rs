//! The parts of a Markdown document that the checks need.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the repository")
}

/// Returns the Markdown files below a folder, sorted.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns the chapters of the guide.
pub(crate) fn chapters() -> Vec<PathBuf> {
    let chapters = below(&root().join("guide/src"));
    assert!(chapters.len() > 10, "the chapters are not found");
    chapters
}

/// A block of code in a document.
pub(crate) struct Block {
    /// The info string: `rust,no_run`.
    pub(crate) info: String,
    /// The text of an HTML comment on the line before the block.
    pub(crate) comment: Option<String>,
    pub(crate) code: String,
    /// The number of the line on which the code begins.
    pub(crate) line: usize,
}

/// Returns the blocks of code of a document.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(info), None) => {
                let comment = before.strip_prefix("<!--");
                let comment = comment.and_then(|text| text.strip_suffix("-->"));
                open = Some(Block {
                    info: info.to_owned(),
                    comment: comment.map(|text| text.trim().to_owned()),
                    code: String::new(),
                    line: index + 2,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
            (None, None) => {}
        }
        before = line;
    }
    assert!(open.is_none(), "a block of code does not end");
    blocks
}

/// Returns the lines outside of blocks of code, with their numbers.
pub(crate) fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Returns the anchors of a document: those of its headings, and those that it declares.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        if let Some(rest) = line.split("<a id=\"").nth(1) {
            anchors.extend(rest.split('"').next().map(str::to_owned));
        }
        if !line.starts_with('#') {
            continue;
        }
        let anchor = anchor(line.trim_start_matches('#').trim());
        let same = |number: usize| match number {
            0 => anchor.clone(),
            _ => format!("{anchor}-{number}"),
        };
        let next = (0..=anchors.len())
            .map(same)
            .find(|name| !anchors.contains(name));
        anchors.extend(next);
    }
    anchors
}

/// Returns the anchor of a heading, as code hosts and mdBook make it.
fn anchor(heading: &str) -> String {
    let letters = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => Some(letter).filter(|letter| letter.is_alphanumeric()),
    });
    letters.collect::<String>().to_lowercase()
}

#[test]
fn blocks_and_headings_are_found() {
    let text = "# A `b`: c\n<!-- note -->\n```rust,no_run\n# hidden\n```\n## A b c\n# A `b` c\n";
    let found = blocks(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].info, "rust,no_run");
    assert_eq!(found[0].comment.as_deref(), Some("note"));
    assert_eq!((found[0].code.as_str(), found[0].line), ("# hidden\n", 4));
    assert_eq!(anchors(text), ["a-b-c", "a-b-c-1", "a-b-c-2"]);
}
