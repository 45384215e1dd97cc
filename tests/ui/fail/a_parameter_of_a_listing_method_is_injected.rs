use mcp_runtime::prelude::*;

struct Database;

struct Users;

#[tools]
impl Users {
    async fn all(&self, _: Database) -> Vec<ResourceLink> {
        Vec::new()
    }

    #[resource("users://{id}", list = Self::all)]
    fn user(&self, id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
