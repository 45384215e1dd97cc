use mcp_runtime::prelude::*;
use std::cell::Cell;

struct Counter {
    count: Cell<u32>,
}

#[tools]
impl Counter {
    /// Count on.
    #[tool]
    fn count(&self) -> u32 {
        self.count.replace(1)
    }
}

fn main() {}
