use mcp_runtime::prelude::*;

#[derive(Elicit)]
union Booking {
    time: u32,
    people: u8,
}

fn main() {}
