//! The search of tools. It is added with its defaults to the server of the README, with tools that all searches find.

use mcp_runtime::prelude::*;
use mcp_runtime::{Tool, ToolSearch};
use serde_json::{Value, json};

use super::local::{Streams, call, server};
use super::page::{Row, row};
use super::process::{LEGACY, MODERN};

/// Returns a client of a server with more tools than a search can find.
async fn streams(revision: &str) -> Streams {
    let tool = |number: usize| {
        let schema = json!({ "type": "object" });
        let tool = Tool::new(
            format!("zebra_{number}"),
            schema,
            async |_: Value, _: Context| {},
        );
        tool.description("A zebra.")
    };
    let server = (0..60).map(tool).fold(server(), Server::with);
    Streams::start(server.tool_search(ToolSearch::new()), revision).await
}

/// Returns the number of tools that a search finds, or `None` if it fails.
async fn found(streams: &mut Streams, revision: &str, arguments: &Value) -> Option<usize> {
    let reply = streams
        .ask(&call(revision, 2, "search_tools", arguments))
        .await;
    let result = &reply["result"];
    let tools = result["structuredContent"]["tools"].as_array()?;
    (result["isError"] != true).then_some(tools.len())
}

#[tokio::test]
async fn search_results() {
    let row = row("search-results").for_all();
    row.says("left out");
    for revision in [MODERN, LEGACY] {
        let mut streams = streams(revision).await;
        let count = found(&mut streams, revision, &json!({ "query": "zebra" })).await;
        assert_eq!(count, Some(row.number()));
    }
}

/// Fails unless a search at the limit finds tools, and one beyond it fails.
async fn check(row: &Row, arguments: impl Fn(usize) -> Value) {
    row.says("tool error");
    for revision in [MODERN, LEGACY] {
        let mut streams = streams(revision).await;
        let limit = row.number();
        let at = found(&mut streams, revision, &arguments(limit)).await;
        assert!(at.is_some_and(|count| count > 0), "{at:?}");
        let beyond = found(&mut streams, revision, &arguments(limit + 1)).await;
        assert_eq!(beyond, None);
    }
}

#[tokio::test]
async fn search_limit() {
    let row = row("search-limit").for_all();
    check(&row, |limit| json!({ "query": "zebra", "limit": limit })).await;
}

#[tokio::test]
async fn search_query() {
    let row = row("search-query").for_all();
    check(
        &row,
        |length| json!({ "query": format!("zebra{}", " ".repeat(length - 5)) }),
    )
    .await;
}
