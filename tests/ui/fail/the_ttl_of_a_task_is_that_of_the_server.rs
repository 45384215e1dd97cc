use mcp_runtime::prelude::*;

/// Build a report.
#[tool(task(ttl = "1h"))]
async fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
