use mcp_runtime::prelude::*;

fn ages(_: mcp_runtime::Completion) -> Vec<u8> {
    vec![18]
}

#[prompt]
fn describe(#[arg(complete = ages)] age: u8) -> String {
    age.to_string()
}

fn main() {}
