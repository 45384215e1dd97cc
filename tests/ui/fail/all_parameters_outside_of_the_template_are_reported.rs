use mcp_runtime::prelude::*;

#[resource("users://{id}")]
fn user(id: u32, section: String, limit: Option<u8>, context: Context) -> String {
    format!("{id} {section} {limit:?} {}", context.request_id())
}

#[resource("posts://{id}{?after}")]
fn post(id: u32) -> String {
    id.to_string()
}

fn main() {
    println!("{}", post(1));
    let _ = user;
}
