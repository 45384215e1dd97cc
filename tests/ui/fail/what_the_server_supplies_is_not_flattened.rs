use mcp_runtime::prelude::*;

#[tool]
async fn list(#[arg(flatten)] _context: Context) {}

fn main() {}
