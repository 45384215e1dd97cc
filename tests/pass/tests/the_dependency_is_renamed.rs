// The crate has another name, as with `mcp = { package = "mcp-runtime", .. }` in `Cargo.toml`, and `crate` names it.
extern crate mcp_runtime as mcp;

use mcp::prelude::*;

#[tool(crate = mcp)]
async fn add(a: f64, #[arg(default = 1.0)] b: f64) -> f64 {
    a + b
}

#[resource("users://{id}{?limit}", crate = crate::mcp)]
fn user(id: u32, limit: Option<u8>) -> String {
    format!("{id} {limit:?}")
}

#[prompt(crate = mcp)]
fn ask(#[arg(complete = codes)] code: String) -> String {
    code
}

fn codes(_: mcp::Completion) -> Vec<String> {
    Vec::new()
}

struct Store;

#[tools(crate = mcp)]
impl Store {
    #[tool]
    fn size(&self) -> u64 {
        0
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
#[elicit(crate = mcp)]
struct Booking {
    people: u8,
}

#[tool(crate = mcp)]
async fn book(#[ask("How many?")] booking: Booking) -> u8 {
    booking.people
}

#[test]
fn it_runs() {
    let _ = mcp::server!().with(Store);
    let _ = mcp::components![add, user, ask, book];
}
