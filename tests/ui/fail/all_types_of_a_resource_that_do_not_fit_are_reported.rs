use mcp_runtime::prelude::*;

struct User;

#[derive(Debug)]
struct Failed;

#[resource("users://{id}")]
fn user(id: User) -> User {
    id
}

#[resource("users://all")]
async fn users() -> Result<String, Failed> {
    Err(Failed)
}

#[resource("users://{id}/posts", list = posts_of_all)]
fn posts(id: u32) -> String {
    id.to_string()
}

fn posts_of_all(_: mcp_runtime::Listing) -> u32 {
    users as usize as u32
}

fn main() {
    let _ = (user, posts);
}
