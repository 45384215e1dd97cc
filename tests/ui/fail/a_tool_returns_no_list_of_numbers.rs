use mcp_runtime::prelude::*;

#[tool]
fn primes() -> Vec<u32> {
    vec![2, 3, 5]
}

fn main() {}
