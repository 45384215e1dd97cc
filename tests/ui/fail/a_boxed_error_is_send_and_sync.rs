use mcp_runtime::prelude::*;

use std::error::Error;

#[tool]
fn find(name: String) -> Result<String, Box<dyn Error>> {
    Err(name.into())
}

fn main() {}
