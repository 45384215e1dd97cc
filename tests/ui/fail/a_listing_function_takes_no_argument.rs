use mcp_runtime::{Listing, prelude::*};

async fn users(_: Listing, group: u32) -> Vec<ResourceLink> {
    vec![ResourceLink::new("users://7", group.to_string())]
}

#[resource("users://{id}", list = users)]
fn user(id: u32) -> String {
    id.to_string()
}

fn main() {}
