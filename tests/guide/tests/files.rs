//! Code of the guide that is also in a file, which is compiled, run or checked by other tools.

use std::fs;

use crate::markdown::{blocks, chapters, root};

/// Text before the path of the file in the comment on a block.
const FILE: &str = "file: ";

#[test]
fn code_that_is_also_in_a_file_is_the_same() {
    let mut checked = 0;
    for chapter in chapters() {
        let text = fs::read_to_string(&chapter).unwrap();
        for block in blocks(&text) {
            let comment = block.comment.unwrap_or_default();
            let Some(path) = comment.strip_prefix(FILE) else {
                continue;
            };
            let place = format!("{}:{}", chapter.display(), block.line);
            let file = fs::read_to_string(root().join(path));
            let file = file.unwrap_or_else(|error| panic!("{place}: {path}: {error}"));
            assert!(
                file.contains(block.code.trim_end()),
                "{place}: not in {path}:\n{}",
                block.code
            );
            checked += 1;
        }
    }
    assert!(checked > 3, "the blocks are not found");
}
