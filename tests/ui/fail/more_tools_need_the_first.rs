use mcp_runtime::prelude::*;

struct Counter;

#[tools(more)]
impl Counter {
    #[tool]
    fn two(&self) -> u8 {
        2
    }
}

fn main() {
    let _ = Server::new("x", "1").with(Counter);
}
