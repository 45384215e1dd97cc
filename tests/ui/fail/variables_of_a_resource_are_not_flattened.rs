use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Place {
    pub name: String,
}

#[resource("place://{name}")]
fn place(#[arg(flatten)] name: Place) -> String {
    name.name
}

fn main() {}
