#![deny(warnings, clippy::all, clippy::pedantic)]

use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{Annotations, CacheScope, Icon, Role};
use serde_json::{Map, json};

const SOURCE: &str = "data:image/png;base64,iVBORw0KGgo=";
const MINUTE: Duration = Duration::from_secs(60);

fn icons() -> Vec<Icon> {
    vec![Icon::new(SOURCE)]
}

#[tool(
    icons = icons(),
    meta = json!({ "com.example/cost": 3 }),
    ui = "ui://pages/query",
)]
async fn query(
    #[arg(header = "Region", default = "eu")] region: String,
    #[arg(header = "Limit")]
    #[arg(name = "limit")]
    most: Option<u32>,
) -> String {
    format!("{region} {most:?}")
}

#[resource(
    "ui://pages/{name}",
    mime = "text/html;profile=mcp-app",
    icons = [Icon::new(SOURCE), Icon::new("https://example.com/icon.svg").sizes(["any"])],
    meta = Map::new(),
    annotations = Annotations::new().audience([Role::User]),
    cache(ttl = MINUTE * 5, scope = public),
)]
async fn page(name: String) -> String {
    name
}

#[resource("data://numbers", cache(ttl = 60))]
async fn numbers() -> Json<Vec<u8>> {
    Json(vec![1, 2])
}

#[resource("data://letters", cache(scope = private, ttl = 1_000))]
async fn letters() -> Json<Vec<char>> {
    Json(vec!['a'])
}

#[prompt(icons = Icon::new(SOURCE), meta = json!({ "note": "here" }))]
async fn ask() -> &'static str {
    "Well?"
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let server = mcp_runtime::server!()
        .icons(icons())
        .cache(MINUTE, CacheScope::Private)
        .extension("com.example/search", json!({}));
    let client = server.client().await;
    let tools = client.tools().await?;
    assert_eq!(tools[0]["icons"][0]["src"], SOURCE);
    assert_eq!(tools[0]["_meta"]["ui"]["resourceUri"], "ui://pages/query");
    let properties = &tools[0]["inputSchema"]["properties"];
    assert_eq!(properties["region"]["x-mcp-header"], "Region");
    assert_eq!(properties["limit"]["x-mcp-header"], "Limit");
    let page = json!({ "uri": "ui://pages/query" });
    let page = client.request("resources/read", page).await?;
    assert_eq!(page["ttlMs"], 300_000);
    let numbers = json!({ "uri": "data://numbers" });
    let numbers = client.request("resources/read", numbers).await?;
    assert_eq!(numbers["cacheScope"], "private");
    Ok(())
}
