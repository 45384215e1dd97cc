use mcp_runtime::prelude::*;

/// Build a report.
#[tool(task(after = "2 seconds"))]
async fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
