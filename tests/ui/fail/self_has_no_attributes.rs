use mcp_runtime::prelude::*;

struct Counter;

#[tools]
impl Counter {
    #[tool]
    fn count(#[arg(name = "this")] &self) -> u8 {
        1
    }
}

fn main() {}
