use mcp_runtime::prelude::*;

#[tool]
fn forever() -> ! {
    loop {}
}

fn main() {}
