//! The first server of the guide.

#![allow(clippy::float_cmp)] // the sums are exact

use mcp_runtime::prelude::*;

/// Add two numbers.
#[tool]
async fn add(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> f64 {
    a + b
}

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}

#[cfg(test)]
mod tests {
    use mcp_runtime::serde_json::json;

    use super::*;

    #[tokio::test]
    async fn numbers_are_added() {
        assert_eq!(add(2.0, 3.0).await, 5.0);
    }

    #[tokio::test]
    async fn clients_can_add() -> Result<(), mcp_runtime::ClientError> {
        let client = mcp_runtime::server!().client().await;
        let sum = client.call("add", json!({ "a": 2, "b": 3 })).await?;
        assert_eq!(sum.structured()["result"], 5.0);
        Ok(())
    }
}
