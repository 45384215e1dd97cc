use mcp_runtime::prelude::*;

#[tool]
fn query(#[arg(header = "Region")] from: String, #[arg(header = "REGION")] to: String) -> String {
    from + &to
}

fn main() {}
