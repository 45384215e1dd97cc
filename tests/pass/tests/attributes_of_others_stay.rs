#![deny(warnings)]

use mcp_runtime::prelude::*;

#[must_use]
#[inline]
#[tool]
#[allow(clippy::many_single_char_names)]
fn add(#[allow(unused_variables)] a: f64, #[arg(default)] b: f64) -> f64 {
    b
}

#[tool]
#[cold]
#[expect(unused_variables)]
fn nothing(a: u8) {}

#[test]
#[tool]
fn both() {}

#[track_caller]
#[tool]
fn traced() -> u32 {
    std::panic::Location::caller().line()
}

#[test]
fn it_runs() {
    let _ = components![add, nothing, traced];
}
