use mcp_runtime::prelude::*;

const N: usize = 3;

struct Sizes;

impl Sizes {
    const TWO: usize = 2;
}

#[tool]
async fn sum(numbers: [u8; N], pair: [f64; Sizes::TWO], more: Option<[u8; N - 1]>) -> f64 {
    let more: u8 = more.into_iter().flatten().sum();
    f64::from(numbers.iter().sum::<u8>() + more) + pair[0] + pair[1]
}

#[tool]
fn all(#[arg(default = [0; N])] numbers: [u8; N]) -> Json<[u8; N]> {
    Json(numbers)
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let arguments = serde_json::json!({ "numbers": [1, 2, 3], "pair": [1, 1] });
    assert_eq!(client.call("sum", arguments).await?.structured()["result"], 8.0);
    Ok(())
}
