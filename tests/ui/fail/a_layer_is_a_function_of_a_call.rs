use mcp_runtime::prelude::*;
use mcp_runtime::{CallOutcome, Next};

async fn no_layer(next: Next) -> CallOutcome {
    next.run().await
}

#[tool(layer = no_layer)]
async fn f() {}

fn main() {}
