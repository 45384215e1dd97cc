use mcp_runtime::prelude::*;

/// Build a report.
#[tool(task(after = true))]
async fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
