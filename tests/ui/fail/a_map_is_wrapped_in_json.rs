use mcp_runtime::prelude::*;

use std::collections::BTreeMap;

#[tool]
fn ages() -> BTreeMap<String, u32> {
    BTreeMap::new()
}

fn main() {}
