use mcp_runtime::prelude::*;

use std::sync::Mutex;

async fn load() {}

#[tool]
async fn count(counter: State<Mutex<u32>>) -> u32 {
    let counter = counter.lock().unwrap();
    load().await;
    *counter
}

fn main() {}
