use mcp_runtime::prelude::*;

#[tool]
fn nothing() {}

fn main() {
    let _server = Server::new("x", "1").with(nothing);
}
