use mcp_runtime::prelude::*;

#[tool]
extern "C" fn read(address: usize) -> u8 {
    address as u8
}

fn main() {}
