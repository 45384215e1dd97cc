//! Every chapter is in the table of contents, and its code is compiled.

use std::collections::BTreeSet;
use std::fs;

use crate::markdown::{blocks, chapters, root};

#[test]
fn every_chapter_is_in_the_table_of_contents_once() {
    let folder = root().join("guide/src");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).unwrap();
    let listed: Vec<_> = summary
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    let unique: BTreeSet<_> = listed.iter().map(|file| folder.join(file)).collect();
    assert_eq!(unique.len(), listed.len(), "a chapter is listed twice");
    let files = chapters().into_iter();
    let files: BTreeSet<_> = files.filter(|it| !it.ends_with("SUMMARY.md")).collect();
    assert_eq!(unique, files);
}

#[test]
fn the_code_of_every_chapter_is_compiled() {
    let library = root().join("tests/guide/src/lib.rs");
    let library = fs::read_to_string(library).unwrap();
    let folder = root().join("guide/src");
    for chapter in chapters() {
        let text = fs::read_to_string(&chapter).unwrap();
        let name = chapter.strip_prefix(&folder).unwrap().display().to_string();
        let has_code = blocks(&text).iter().any(|it| it.info.starts_with("rust"));
        assert!(
            !has_code || library.contains(&format!("\"{name}\"")),
            "{name} has Rust code that `tests/guide/src/lib.rs` does not compile"
        );
        for block in blocks(&text) {
            let (at, is_in_file) = (block.line, block.comment.is_some());
            // rustdoc compiles each block without a language as Rust.
            assert!(!block.info.is_empty(), "{name}:{at}: name the language");
            assert!(
                !block.info.contains("ignore") || is_in_file,
                "{name}:{at}: code that is not compiled is that of a file"
            );
        }
    }
}
