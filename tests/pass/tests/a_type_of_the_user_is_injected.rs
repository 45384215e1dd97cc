use mcp_runtime::prelude::*;

use mcp_runtime::{Call, Param};
use serde_json::json;

struct Tenant(String);

impl<'c> Param<'c> for Tenant {
    fn extract(_: &'c Call, _: usize) -> Result<Self, ToolError> {
        Ok(Self("acme".to_owned()))
    }
}

struct Borrowed<'c>(Option<&'c str>);

impl<'c> Param<'c> for Borrowed<'c> {
    fn extract(call: &'c Call, _: usize) -> Result<Self, ToolError> {
        Ok(Self(call.header("x-tenant")))
    }
}

#[tool]
async fn whoami(tenant: Tenant, other: Borrowed<'_>, greeting: &str) -> String {
    format!("{greeting} {} {:?}", tenant.0, other.0)
}

#[resource("tenant://{part}")]
fn tenant(tenant: Tenant, part: String) -> String {
    tenant.0 + &part
}

#[prompt]
fn ask<'a>(tenant: Tenant, other: Borrowed<'a>) -> String {
    format!("{} {:?}", tenant.0, other.0)
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("whoami", json!({ "greeting": "Hello" })).await?;
    assert_eq!(reply.text(), "Hello acme None");
    Ok(())
}
