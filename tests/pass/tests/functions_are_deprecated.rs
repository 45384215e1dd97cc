#![deny(warnings)]

use mcp_runtime::prelude::*;

#[deprecated]
#[tool]
async fn add(a: f64, #[arg(default)] b: f64) -> f64 {
    a + b
}

#[tool]
#[deprecated(since = "1.0.0", note = "use `add`")]
fn plus(a: f64) -> f64 {
    a
}

#[resource("old://{name}")]
#[deprecated = "it is old"]
fn old(name: String) -> String {
    name
}

struct Store;

#[tools]
impl Store {
    #[deprecated]
    #[tool]
    fn size(&self) -> u64 {
        0
    }
}

#[test]
fn it_runs() {
    let _ = mcp_runtime::server!().with(Store);
}
