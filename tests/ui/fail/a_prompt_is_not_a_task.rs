use mcp_runtime::prelude::*;

/// Build a report.
#[prompt(task)]
fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
