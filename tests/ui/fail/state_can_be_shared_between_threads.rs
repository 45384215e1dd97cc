use mcp_runtime::prelude::*;

use std::cell::RefCell;

#[tool]
fn count(counter: State<RefCell<u32>>) -> u32 {
    *counter.borrow()
}

fn main() {}
