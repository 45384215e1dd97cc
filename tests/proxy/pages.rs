//! Pages of MCP Apps of an upstream server: their URIs behind a prefix, and origins that no host should allow.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use mcp_runtime::{Revision, Server, Upstream};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const MIME: &str = "text/html;profile=mcp-app";

/// Answers a request as a server that says what it likes about its pages.
fn answer(request: &Value) -> Value {
    let ui = json!({
        "csp": {
            "connectDomains": ["https://api.example.com", "*", "https://a.example; script-src *"],
            "resourceDomains": "https://cdn.example.com",
            "scriptDomains": ["https://cdn.example.com"],
        },
        "permissions": { "camera": {}, "usb": {} },
        "domain": "a b",
        "prefersBorder": true,
        "later": { "kept": true },
    });
    let result = match request["method"].as_str().unwrap_or_default() {
        "server/discover" => json!({
            "supportedVersions": ["2026-07-28"],
            "capabilities": { "tools": {}, "resources": {} },
            "serverInfo": { "name": "pages", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [
            tool("new", json!({ "ui": { "resourceUri": "ui://page", "visibility": ["app"] } })),
            tool("old", json!({ "ui/resourceUri": "ui://page" })),
            tool("odd", json!({ "ui": { "resourceUri": "https://example.com" } })),
            tool("lost", json!({ "ui": { "resourceUri": "ui://lost" } })),
        ] }),
        "resources/list" => json!({ "resources": [
            { "uri": "ui://page", "name": "page", "mimeType": MIME, "_meta": { "ui": ui } },
            { "uri": "UI://other", "name": "other", "mimeType": MIME, "_meta": { "ui": ui } },
        ] }),
        "resources/templates/list" => json!({ "resourceTemplates": [
            { "uriTemplate": "ui:{+path}", "name": "any", "_meta": { "ui": ui } },
        ] }),
        "resources/read" => json!({ "contents": [
            { "uri": request["params"]["uri"], "mimeType": MIME, "text": "<p>", "_meta": { "ui": ui } },
        ] }),
        _ => {
            let error = json!({ "code": -32601, "message": "no such method" });
            return json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
        }
    };
    let mut result = result;
    result["resultType"] = "complete".into();
    result["ttlMs"] = 0.into();
    result["cacheScope"] = "private".into();
    json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })
}

fn tool(name: &str, meta: Value) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" }, "_meta": meta })
}

#[tokio::test]
async fn pages_keep_what_is_valid_and_have_the_uris_of_the_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&requests);
    let router = Router::new().route(
        "/mcp",
        post(async move |body: String| {
            let request: Value = serde_json::from_str(&body).unwrap();
            let reply = answer(&request).to_string();
            recorded.lock().unwrap().push(request);
            ([("Content-Type", "application/json")], reply)
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });

    for (prefix, names, uri) in [(None, "", "ui://page"), (Some("up"), "up_", "ui://up/page")] {
        let upstream =
            Upstream::url(format!("http://{address}/mcp")).revision(Revision::V2026_07_28);
        let server = match prefix {
            None => Server::from(upstream),
            Some(prefix) => Server::new("gateway", "1").mount(prefix, upstream),
        };
        let client = server.connect().await;
        let tools = client.tools().await.unwrap();
        let meta = |name: &str| {
            let mut tools = tools.iter();
            let tool = tools.find(|tool| tool["name"] == format!("{names}{name}"));
            tool.unwrap_or_else(|| panic!("no {names}{name}"))["_meta"].clone()
        };
        let ui = json!({ "resourceUri": uri, "visibility": ["app"] });
        assert_eq!(meta("new"), json!({ "ui": ui, "ui/resourceUri": uri }));
        let ui = json!({ "resourceUri": uri });
        assert_eq!(meta("old"), json!({ "ui": ui, "ui/resourceUri": uri }));
        assert_eq!(meta("odd")["ui"]["resourceUri"], "https://example.com");
        let lost = uri.replace("page", "lost");
        assert_eq!(meta("lost")["ui"]["resourceUri"], lost);

        let valid = json!({
            "csp": { "connectDomains": ["https://api.example.com"] },
            "permissions": { "camera": {} },
            "prefersBorder": true,
            "later": { "kept": true },
        });
        let resources = client.resources().await.unwrap();
        assert_eq!(resources[0]["uri"], uri);
        assert_eq!(resources[0]["_meta"]["ui"], valid);
        let contents = client.read(uri).await.unwrap();
        assert_eq!(contents[0]["_meta"]["ui"], valid);
        if prefix.is_none() {
            // Written differently, they are pages, too.
            assert_eq!(resources[1]["_meta"]["ui"], valid);
            for uri in ["UI://other", "ui:any/page"] {
                let contents = client.read(uri).await.unwrap();
                assert_eq!(contents[0]["_meta"]["ui"], valid, "{uri}");
            }
        }
        assert_eq!(
            (&contents[0]["uri"], &contents[0]["mimeType"]),
            (&json!(uri), &json!(MIME))
        );
        let discovered = client.request("server/discover", json!({})).await.unwrap();
        let extensions = &discovered["capabilities"]["extensions"];
        assert_eq!(extensions["io.modelcontextprotocol/ui"], json!({}));
    }
    // A server may give its pages only to clients that show them.
    let declared = json!({ "io.modelcontextprotocol/ui": { "mimeTypes": [MIME] } });
    let requests = requests.lock().unwrap();
    let lists = requests.iter().filter(|it| it["method"] == "tools/list");
    for list in lists {
        let capabilities = &list["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
        assert_eq!(capabilities["extensions"], declared);
    }
}
