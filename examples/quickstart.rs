//! The first server: a tool, a resource template and a prompt.

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

/// A greeting for one person.
#[resource("greeting://{name}")]
fn greeting(name: String) -> String {
    format!("Hello, {name}!")
}

/// Ask for a review of a piece of code.
#[prompt]
fn review(
    /// The code to review.
    code: String,
) -> String {
    format!("Please review this code:\n\n{code}")
}

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn tools_stay_plain_functions() {
        assert_eq!(add(2.0, 3.0).await.to_string(), "5");
        assert_eq!(greeting("Ada".to_owned()), "Hello, Ada!");
    }

    #[tokio::test]
    async fn a_client_calls_reads_and_gets() -> Result<(), mcp_runtime::ClientError> {
        let client = mcp_runtime::server!().client().await;
        let sum = client.call("add", json!({"a": 2, "b": 3})).await?;
        assert_eq!(sum.structured()["result"], 5.0);
        let contents = client.read("greeting://Ada").await?;
        assert_eq!(contents[0]["text"], "Hello, Ada!");
        let messages = client.prompt("review", json!({"code": "1 + 1"})).await?;
        let text = messages[0]["content"]["text"].as_str();
        assert_eq!(text, Some("Please review this code:\n\n1 + 1"));
        Ok(())
    }
}
