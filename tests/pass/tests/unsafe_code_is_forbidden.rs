#![forbid(unsafe_code)]

use mcp_runtime::prelude::*;

#[tool]
async fn add(a: f64, #[arg(default = 1.0)] b: f64) -> f64 {
    a + b
}

#[resource("greeting://{name}")]
fn greeting(name: String) -> String {
    name
}

#[prompt]
fn review(code: &str) -> String {
    code.to_owned()
}

struct Store;

#[tools]
impl Store {
    #[tool]
    fn size(&self) -> u64 {
        0
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Booking {
    people: u8,
}

#[tool]
async fn book(#[ask("How many?")] booking: Booking) -> u8 {
    booking.people
}

#[test]
fn it_runs() {
    let _ = mcp_runtime::server!().with(Store).with(components![add, greeting, review, book]);
}
