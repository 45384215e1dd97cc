use mcp_runtime::prelude::*;

use std::rc::Rc;

async fn load() {}

#[tool]
async fn count() -> usize {
    let counter = Rc::new(1);
    load().await;
    *counter
}

fn main() {}
