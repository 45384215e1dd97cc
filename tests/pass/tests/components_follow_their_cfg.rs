use mcp_runtime::prelude::*;

#[cfg(any())]
#[tool]
fn missing(a: DoesNotExist) -> u8 {
    a
}

#[tool]
#[cfg(any())]
fn missing_too(a: DoesNotExist) -> u8 {
    a
}

#[tool]
#[cfg_attr(all(), cfg(any()))]
fn missing_as_well(a: DoesNotExist) -> u8 {
    a
}

#[cfg(all())]
#[tool]
fn present(#[allow(unused_variables)] a: u8) -> u8 {
    1
}

#[cfg(any())]
#[tool]
fn twice() -> u8 {
    1
}

#[cfg(not(any()))]
#[tool]
fn twice() -> u8 {
    2
}

#[cfg_attr(all(), tool)]
fn conditional() {}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    assert_eq!(client.call("twice", serde_json::json!({})).await?.structured()["result"], 2);
    assert!(client.call("missing", serde_json::json!({})).await.is_err());
    Ok(())
}
