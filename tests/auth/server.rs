//! The fixture of the tests of authorization, as a program.

#![allow(clippy::panic)] // allowed in tests

use std::process::ExitCode;

mod fixture;

fn main() -> ExitCode {
    fixture::server().run()
}
