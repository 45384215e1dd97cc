//! The tests of the chapter about testing.

#![allow(clippy::unwrap_used)] // allowed in tests

use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Principal, Revision, TestContext};
use serde_json::json;

/// Greet the caller.
#[tool]
async fn greet(
    /// The words of the greeting.
    greeting: String,
    context: Context,
) -> Result<String, ToolError> {
    let caller = context.principal().ok_or("nobody is logged in")?;
    context.progress(1, Some(2), None);
    Ok(format!("{greeting}, {}!", caller.id()))
}

#[tokio::test]
async fn callers_are_greeted_by_name() -> Result<(), ToolError> {
    let test = TestContext::new().principal(Principal::new("Ada"));
    assert_eq!(
        greet("Hello".to_owned(), test.context()).await?,
        "Hello, Ada!"
    );
    assert_eq!(test.notifications()[0]["params"]["progress"], 1.0);
    Ok(())
}

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

fn server() -> Server {
    Server::new("calc", "1.0.0").with(components![add, greet])
}

#[tokio::test]
async fn numbers_are_added() -> Result<(), ClientError> {
    let client = server().client().await;
    let sum = client.call("add", json!({ "a": 2, "b": 3 })).await?;
    assert_eq!(sum.structured()["result"], 5.0);

    let wrong = client.call("add", json!({ "a": "two" })).await?;
    assert!(wrong.is_error());
    assert!(wrong.text().contains("`b` is missing"), "{}", wrong.text());
    Ok(())
}

/// Every revision of the protocol gives the same sum.
#[tokio::test]
async fn old_clients_can_add() -> Result<(), ClientError> {
    for name in [
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28",
    ] {
        let revision = Revision::from_name(name).unwrap();
        let client = server().client().revision(revision).await;
        assert_eq!(
            client.call("add", json!({ "a": 2, "b": 3 })).await?.text(),
            "5"
        );
    }
    Ok(())
}

#[tokio::test]
async fn callers_have_names_and_headers() -> Result<(), ClientError> {
    let client = server()
        .client()
        .principal(Principal::new("Ada"))
        .header("x-tenant", "acme")
        .await;
    let reply = client.call("greet", json!({ "greeting": "Hello" })).await?;
    assert_eq!(reply.text(), "Hello, Ada!");
    Ok(())
}

#[tokio::test]
async fn definitions_are_fit_for_all_clients() -> Result<(), ClientError> {
    let findings = server().check().await?;
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| !finding.is_warning())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    Ok(())
}
