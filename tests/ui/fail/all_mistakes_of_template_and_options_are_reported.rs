use mcp_runtime::prelude::*;

#[resource("users://{id}/{section", mime = "json", cache(scope = public), list = 1)]
fn user(id: u32, sction: String) -> String {
    format!("{id} {sction}")
}

fn main() {
    println!("{}", user(1, String::new()));
}
