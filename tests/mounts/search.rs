//! The search of tools on a server with mounted ones.

use mcp_runtime::ToolSearch;
use mcp_runtime::prelude::*;
use serde_json::json;

use crate::{WAYS, inner};

/// Add two numbers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::test]
async fn tools_of_mounted_servers_are_searched_and_called_with_their_outer_names() {
    for way in &WAYS {
        let inner = inner();
        let handle = inner.handle();
        let server = (way.server)(inner).tool_search(ToolSearch::new());
        let client = server.client().await;
        let listed = client.tools().await.unwrap();
        assert_eq!(listed.len(), 2, "{}", way.what);
        let whoami = format!("{}whoami", way.names);
        let search = json!({ "query": "whoami", "limit": 50 });
        let found = client.call("search_tools", search).await.unwrap();
        let found = found.structured()["tools"].to_string();
        assert!(
            found.contains(&format!("\"{whoami}\"")),
            "{}: {found}",
            way.what
        );
        let call = json!({ "name": whoami });
        let reply = client.call("call_tool", call).await.unwrap();
        assert_eq!(reply.text(), "inner", "{}", way.what);

        // What the mounted server adds is found, and not listed.
        handle.add(components![add]).unwrap();
        assert_eq!(client.tools().await.unwrap().len(), 2, "{}", way.what);
        let search = json!({ "query": "add numbers" });
        let found = client.call("search_tools", search).await.unwrap();
        let name = format!("{}add", way.names);
        assert_eq!(
            found.structured()["tools"][0]["name"],
            *name,
            "{}",
            way.what
        );
        let call = json!({ "name": name, "arguments": { "a": 1, "b": 2 } });
        let reply = client.call("call_tool", call).await.unwrap();
        assert_eq!(reply.text(), "3", "{}", way.what);
    }
}

#[tokio::test]
async fn a_tool_of_a_mounted_server_stays_visible_by_its_outer_name() {
    for way in &WAYS {
        let whoami = format!("{}whoami", way.names);
        let search = ToolSearch::new().always_visible([whoami.as_str()]);
        let client = (way.server)(inner()).tool_search(search).client().await;
        let listed = client.tools().await.unwrap();
        assert!(
            listed.len() == 3 && listed.iter().any(|tool| tool["name"] == *whoami),
            "{}: {listed:?}",
            way.what
        );
    }
}
