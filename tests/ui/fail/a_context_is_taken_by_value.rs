use mcp_runtime::prelude::*;

#[tool]
async fn copy(context: &Context) -> String {
    context.request_id().to_string()
}

fn main() {}
