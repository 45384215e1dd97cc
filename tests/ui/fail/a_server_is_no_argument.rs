use mcp_runtime::prelude::*;

#[tool]
async fn inspect(server: Server) -> String {
    drop(server);
    String::new()
}

fn main() {}
