use std::collections::HashMap;

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    guests: HashMap<String, u8>,
}

fn main() {}
