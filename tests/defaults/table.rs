//! The rows of `docs/defaults.md` that have tests.

use std::fs;
use std::path::Path;

use super::page::rows;

/// The files with the tests of rows. Those of `mcp-runtime` are unit tests, because they move the clock.
const TESTS: [&str; 27] = [
    include_str!("sizes.rs"),
    include_str!("batches.rs"),
    include_str!("counts.rs"),
    include_str!("times.rs"),
    include_str!("security.rs"),
    include_str!("calls.rs"),
    include_str!("memory.rs"),
    include_str!("streams.rs"),
    include_str!("stores.rs"),
    include_str!("questions.rs"),
    include_str!("layers.rs"),
    include_str!("authentication.rs"),
    include_str!("operations.rs"),
    include_str!("search.rs"),
    include_str!("tasks.rs"),
    include_str!("encryption.rs"),
    include_str!("../skills/entries.rs"),
    include_str!("../skills/refused.rs"),
    include_str!("../skills/reload.rs"),
    include_str!("../../mcp-runtime/src/cluster/effect.rs"),
    include_str!("../../mcp-runtime/src/cluster/keys/tests.rs"),
    include_str!("../../mcp-runtime/src/rate.rs"),
    include_str!("../../mcp-runtime/src/server/tests/lifetimes.rs"),
    include_str!("../../mcp-runtime/src/auth/tests/defaults.rs"),
    include_str!("../../mcp-runtime/src/transport/http/tls/tests.rs"),
    include_str!("../../mcp-runtime/src/transport/http/shares.rs"),
    include_str!("../../mcp-runtime/src/transport/http/stream_log/tests.rs"),
];

#[test]
fn every_row_has_a_test_and_every_test_a_row() {
    let mut names: Vec<String> = rows().into_keys().map(str::to_owned).collect();
    names.sort();
    let mut tested: Vec<String> = TESTS
        .iter()
        .flat_map(|test| test.split("row(\"").skip(1))
        .map(|rest| rest.split('"').next().expect(rest).to_owned())
        .collect();
    tested.sort();
    // A row with several parts has several tests.
    tested.dedup();
    assert_eq!(names, tested, "rows of docs/defaults.md, and tests");
}

#[test]
fn the_server_is_that_of_the_readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))
        .expect("the README");
    let (_, code) = include_str!("readme.rs")
        .split_once("\n\n")
        .expect("a comment");
    let mut blocks = readme.split("```rust\n").skip(1);
    let first = blocks.find(|block| block.contains("fn main("));
    let first = first.and_then(|block| block.split("```").next());
    assert_eq!(first, Some(code), "copy the code of the README");
}
