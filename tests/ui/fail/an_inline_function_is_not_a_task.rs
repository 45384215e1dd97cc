use mcp_runtime::prelude::*;

/// Build a report.
#[tool(inline, task)]
fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
