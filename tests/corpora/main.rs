//! Public collections of odd and malformed input, sent to a server: each input is answered, and so is a call after it.
//!
//! - `json`: `JSONTestSuite`, in every place of a message where a client can put JSON or text
//! - `requests`: the HTTP requests of gunicorn's tests
//! - `schemas`: the official test suite of JSON Schema, against the check of arguments
//!
//! The files of the last two are not in the repository: `tests/corpora/run` downloads them and runs their tests, which are
//! ignored otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)] // allowed in tests

mod files;
mod json;
mod requests;
mod schemas;
mod wires;
