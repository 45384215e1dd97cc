#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

use mcp_runtime::prelude::*;

mod __mcp {
    pub struct Tool;
}

mod __private {}

fn __mcp_define() {}

fn __mcp_self() {}

fn __mcp_handler() {}

#[tool]
async fn add(a: f64, #[arg(default = 0.0)] b: f64) -> f64 {
    let __mcp::Tool = __mcp::Tool;
    a + b
}

#[tool]
fn define(a: f64) -> f64 {
    a
}

#[prompt]
fn call(__mcp_call: String) -> String {
    __mcp_call
}

struct Store;

#[tools]
impl Store {
    #[tool]
    fn size(&self, __mcp_self: u64) -> u64 {
        __mcp_self
    }
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().with(Store).client().await;
    let sum = client.call("add", serde_json::json!({ "a": 1 })).await?;
    assert_eq!(sum.structured()["result"], 1.0);
    Ok(())
}
