use mcp_runtime::prelude::*;

#[tool]
#[mcp_runtime::tool(name = "other")]
fn review(code: String) -> String {
    code
}

fn main() {}
