use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    time: String,
    contact: Option<Contact>,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Contact {
    phone: String,
}

fn main() {}
