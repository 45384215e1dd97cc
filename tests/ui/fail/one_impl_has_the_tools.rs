use mcp_runtime::prelude::*;

struct Counter;

#[tools]
impl Counter {
    #[tool]
    fn one(&self) -> u8 {
        1
    }
}

#[tools]
impl Counter {
    #[tool]
    fn two(&self) -> u8 {
        2
    }
}

fn main() {}
