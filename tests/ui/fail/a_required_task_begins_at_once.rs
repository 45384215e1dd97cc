use mcp_runtime::prelude::*;

/// Build a report.
#[tool(task(required, after = "2s"))]
async fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
