use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Booking {
    #[serde(flatten)]
    contact: Contact,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Contact {
    phone: String,
}

fn main() {}
