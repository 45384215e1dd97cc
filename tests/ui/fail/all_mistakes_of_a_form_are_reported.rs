use std::collections::HashMap;

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: (u8, u8),
    people: u8,
    guests: HashMap<String, u8>,
    ages: Option<Vec<u8>>,
}

#[derive(Deserialize, JsonSchema, Elicit)]
enum Seats {
    Table(u8),
    Bar { stool: u8 },
}

fn main() {}
