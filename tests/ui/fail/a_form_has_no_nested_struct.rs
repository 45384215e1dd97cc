use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
    contact: Contact,
}

#[derive(Deserialize, JsonSchema)]
struct Contact {
    phone: String,
}

fn main() {}
