//! The links of the documents: relative ones lead to a file and an anchor, and those into the API to an item.

use std::fs;
use std::path::{Path, PathBuf};

use crate::api::Api;
use crate::markdown::{anchors, below, chapters, prose, root};

/// The address of the API.
const API: &str = "https://docs.rs/mcp-runtime/";

/// Returns all documents that readers see.
fn documents() -> Vec<PathBuf> {
    let root = root();
    let top = fs::read_dir(&root).unwrap();
    let top = top.map(|entry| entry.unwrap().path());
    let top = top.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let docs = below(&root.join("docs")).into_iter();
    top.chain(docs).chain(chapters()).collect()
}

/// Returns a line without its code.
fn without_code(line: &str) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some(start) = rest.find('`') {
        let (before, code) = rest.split_at(start);
        let length = code.bytes().take_while(|byte| *byte == b'`').count();
        let (fence, after) = code.split_at(length);
        kept.push_str(before);
        rest = match after.split_once(fence) {
            Some((_, after)) => after,
            // The fence is a text.
            None => after,
        };
    }
    kept + rest
}

/// Returns the targets of the links of a document, with the numbers of their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next();
            targets.extend(target.map(|target| (number, target.to_owned())));
        }
        if let Some(rest) = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("]: "))
        {
            targets.push((number, rest.1.to_owned()));
        }
    }
    targets
}

/// Returns what is wrong with a link of a document.
fn problem(document: &Path, target: &str, api: &Api) -> Option<String> {
    if let Some(item) = target.strip_prefix(API) {
        return api.problem(item);
    }
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => document.to_owned(),
        _ => document.parent()?.join(file),
    };
    if !path.exists() {
        return Some("there is no such file".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    let is_there = anchors(&text).iter().any(|it| it == anchor);
    (!is_there).then(|| "there is no such heading".to_owned())
}

#[test]
fn links_lead_somewhere() {
    let api = Api::read();
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (line, target) in targets(&text) {
            checked += 1;
            let problem = problem(&document, &target, &api);
            let place = document.display();
            wrong.extend(problem.map(|why| format!("{place}:{line}: {target}: {why}")));
        }
    }
    assert!(checked > 100, "the links are not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_are_found_beside_code() {
    for (line, expected) in [
        ("[`a`](b) and `[c](d)`", vec!["b"]),
        ("`` `[c](d) `` [a](b)", vec!["b"]),
        ("a ` alone [a](b)", vec!["b"]),
    ] {
        let found: Vec<_> = targets(line)
            .into_iter()
            .map(|(_, target)| target)
            .collect();
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let (api, document) = (Api::read(), root().join("README.md"));
    for (target, is_right) in [
        ("README.md", true),
        ("docs/defaults.md#sizes", true),
        ("docs/nothing.md", false),
        ("docs/defaults.md#nothing", false),
        ("#nothing", false),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/struct.Server.html",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/struct.Server.html#method.layer",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/struct.Limits.html#structfield.depth",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/enum.AskError.html#variant.Declined",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/attr.tool.html",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/macro.server.html",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/layer/index.html",
            true,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/struct.Nothing.html",
            false,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/enum.Server.html",
            false,
        ),
        (
            "https://docs.rs/mcp-runtime/latest/mcp_runtime/struct.Server.html#method.nothing",
            false,
        ),
        (
            "https://docs.rs/mcp-runtime/1.0.0/mcp_runtime/struct.Server.html",
            false,
        ),
    ] {
        let problem = problem(&document, target, &api);
        assert_eq!(problem.is_none(), is_right, "{target}: {problem:?}");
    }
}
