//! The texts of errors in the chapter about troubleshooting are those of the code.

use std::fs;
use std::path::Path;

use crate::markdown::{prose, root};

/// Returns the sources of a crate as one line, without the characters that differ between code and text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            text.push_str(&plain(&fs::read_to_string(path).unwrap()));
        }
    }
    text
}

/// Removes backquotes, backslashes and differences of white space.
fn plain(text: &str) -> String {
    let text = text.replace(['`', '\\'], "");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

#[test]
fn the_texts_of_errors_are_those_of_the_code() {
    let root = root();
    let crates = ["mcp-runtime", "mcp-macros", "mcp-grammar"]
        .map(|name| sources(&root.join(name).join("src")));
    let chapter = fs::read_to_string(root.join("guide/src/troubleshooting.md")).unwrap();
    let headings = prose(&chapter).into_iter();
    let headings = headings.filter_map(|(line, text)| Some((line, text.strip_prefix("### ")?)));
    let (mut checked, mut wrong) = (0, Vec::new());
    for (line, heading) in headings {
        checked += 1;
        // `...` stands for what differs each time.
        for part in plain(heading).split("...").map(str::trim) {
            if !crates.iter().any(|text| text.contains(part)) {
                wrong.push(format!("troubleshooting.md:{line}: no code says `{part}`"));
            }
        }
    }
    assert!(checked > 20, "the headings are not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
