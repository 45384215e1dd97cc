use mcp_runtime::prelude::*;

/// Build a report.
#[tool(task(retries = 3))]
async fn report(year: u16) -> String {
    year.to_string()
}

fn main() {}
