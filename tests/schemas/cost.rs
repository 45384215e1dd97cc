//! The size of lists of tools, which models read with each request.

#![allow(clippy::unused_async, clippy::unused_self)] // the methods are those of the example

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use mcp_runtime::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Defines the tools of the example `counter` of rmcp for a type of numbers, with the same names and descriptions, and with
/// output schemas.
macro_rules! counter {
    ($module:ident, $number:ty, $atomic:ty) => {
        mod $module {
            use super::*;

            #[derive(Default)]
            pub(super) struct Counter($atomic);

            #[tools]
            impl Counter {
                /// Increment the counter by 1
                #[tool]
                async fn increment(&self) -> $number {
                    self.0.fetch_add(1, Ordering::Relaxed) + 1
                }

                /// Decrement the counter by 1
                #[tool]
                async fn decrement(&self) -> $number {
                    self.0.fetch_sub(1, Ordering::Relaxed) - 1
                }

                /// Get the current counter value
                #[tool]
                async fn get_value(&self) -> $number {
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
                async fn sum(&self, a: $number, b: $number) -> $number {
                    a + b
                }

                /// Get the session ID for this connection
                #[tool]
                async fn get_session_id(&self, headers: Headers) -> String {
                    headers.get("mcp-session-id").unwrap_or("none").to_owned()
                }
            }
        }
    };
}

counter!(wide, i64, AtomicI64);
counter!(narrow, i32, AtomicI32);

#[derive(Deserialize)]
struct Reply<'m> {
    #[serde(borrow)]
    result: Page<'m>,
}

#[derive(Deserialize)]
struct Page<'m> {
    #[serde(borrow)]
    tools: &'m RawValue,
}

/// Returns the number of bytes of the array `tools` in the reply to `tools/list`, as it is sent.
async fn bytes_on_the_wire(server: Server) -> usize {
    let mut output = Vec::new();
    let input = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\
        \"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}\n";
    server.serve_streams(&input[..], &mut output).await.unwrap();
    let reply: Reply<'_> = serde_json::from_slice(&output).unwrap();
    reply.result.tools.get().len()
}

#[tokio::test]
async fn the_tools_of_a_counter_take_few_bytes() {
    let server = || Server::new("counter", "1");
    let wide = bytes_on_the_wire(server().with(wide::Counter::default())).await;
    let narrow = bytes_on_the_wire(server().with(narrow::Counter::default())).await;
    assert!(wide <= 1600, "{wide} bytes");
    // The bounds of `i32` tell a model which numbers are refused, so they stay. The tools have six such numbers.
    let bounds = r#""minimum":-2147483648,"maximum":2147483647,"#;
    assert_eq!(narrow, wide + 6 * bounds.len());
}
