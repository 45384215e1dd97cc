//! Checks everything in the guide that is not Rust code of a doc test: which chapters there are, the commands and their
//! output, the code that is also in a file, and the links. The links of the other documents are checked too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod api;
mod chapters;
mod files;
mod links;
mod markdown;
mod texts;
mod transcripts;
