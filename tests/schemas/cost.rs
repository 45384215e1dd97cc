//! The size of lists of tools, which models read with each request.

#![allow(clippy::unused_async, clippy::unused_self)] // the methods are those of the example

use std::sync::atomic::{AtomicI64, Ordering};

use mcp_runtime::prelude::*;
use mcp_tests::client::Connect as _;
use serde_json::{Map, Value};

/// The tools of the example `counter` of rmcp, with the same names and descriptions, and with output schemas.
#[derive(Default)]
struct Counter(AtomicI64);

#[tools]
impl Counter {
    /// Increment the counter by 1
    #[tool]
    async fn increment(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Decrement the counter by 1
    #[tool]
    async fn decrement(&self) -> i64 {
        self.0.fetch_sub(1, Ordering::Relaxed) - 1
    }

    /// Get the current counter value
    #[tool]
    async fn get_value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Long running task example
    #[tool]
    async fn long_task(&self) -> &'static str {
        "Long task completed"
    }

    /// Say hello to the client
    #[tool]
    async fn say_hello(&self) -> &'static str {
        "hello"
    }

    /// Repeat what you say
    #[tool]
    async fn echo(&self, #[arg(flatten)] object: Map<String, Value>) -> String {
        Value::from(object).to_string()
    }

    /// Calculate the sum of two numbers
    #[tool]
    async fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    /// Get the session ID for this connection
    #[tool]
    async fn get_session_id(&self, headers: Headers) -> String {
        headers.get("mcp-session-id").unwrap_or("none").to_owned()
    }
}

#[tokio::test]
async fn the_tools_of_a_counter_take_few_bytes() {
    let server = Server::new("counter", "1").with(Counter::default());
    let tools = server.connect().await.tools().await.unwrap();
    let bytes = Value::from(tools).to_string().len();
    assert!(bytes <= 1600, "{bytes} bytes");
}
