//! MCP Apps: pages, the tools that show them, and the clients that can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[allow(dead_code)] // `callers` uses more of it
#[path = "callers/wires.rs"]
mod wires;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    App, AppPermission, ClientError, Resource, Revision, Tool, ToolSearch, ToolVisibility,
};
use mcp_tests::client::Connect as _;
use serde_json::{Map, Value, json};
use wires::{ALL, Host, Who};

const MIME: &str = "text/html;profile=mcp-app";

/// A revision before extensions, one with them as an addition, and one that defines them.
const REVISIONS: [Revision; 4] = [
    Revision::V2024_11_05,
    Revision::V2025_06_18,
    Revision::V2025_11_25,
    Revision::V2026_07_28,
];

/// A page that asks for everything.
#[resource(
    "ui://panel",
    app(
        csp_connect = ["https://api.example.com", "wss://live.example.com:8443"],
        csp_resources = ["https://*.example.com"],
        csp_frames = ["https://player.example.com"],
        csp_base_uris = ["https://cdn.example.com"],
        permissions = ["camera", "microphone", "geolocation", "clipboardWrite"],
        domain = "abc.example.com",
        prefers_border = false,
    ),
    meta = json!({ "com.example/note": 1 })
)]
async fn panel() -> &'static str {
    "<!doctype html>"
}

/// A page that asks for nothing.
#[resource("ui://plain", app)]
async fn plain() -> String {
    "<!doctype html>".to_owned()
}

/// A page whose handler decides what it asks for.
#[resource("ui://own/{name}", app(csp_connect = ["https://api.example.com"]))]
async fn own(name: String) -> Vec<ResourceContents> {
    let ui = json!({ "csp": { "connectDomains": [format!("https://{name}.example.com"), "https://a.example; script-src *", "*"] } });
    let meta = |key: &str, value: Value| Map::from_iter([(key.to_owned(), value)]);
    vec![
        ResourceContents::text("own").meta(meta("ui", ui)),
        ResourceContents::text("default")
            .meta(meta("com.example/x", json!(1)))
            .mime("text/html"),
        ResourceContents::text("other")
            .uri("file:///a.txt")
            .mime("text/plain"),
    ]
}

/// Show the panel.
#[tool(ui = "ui://panel")]
async fn show(context: Context) -> bool {
    assert_eq!(context.client().apps(), context.client_capabilities().apps);
    context.client().apps()
}

/// Refresh the panel.
#[tool(ui = "ui://plain", visibility = ["app"])]
async fn refresh() -> &'static str {
    "fresh"
}

/// Explain the panel.
#[tool(visibility = ["model"])]
async fn explain() {}

fn server() -> Server {
    Server::new("apps", "1").with(components![panel, plain, own, show, refresh, explain])
}

fn asked() -> Value {
    json!({
        "csp": {
            "connectDomains": ["https://api.example.com", "wss://live.example.com:8443"],
            "resourceDomains": ["https://*.example.com"],
            "frameDomains": ["https://player.example.com"],
            "baseUriDomains": ["https://cdn.example.com"],
        },
        "permissions": { "camera": {}, "microphone": {}, "geolocation": {}, "clipboardWrite": {} },
        "domain": "abc.example.com",
        "prefersBorder": false,
    })
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let mut all = list.as_array().unwrap().iter();
    all.find(|it| it[key] == name).expect(name)
}

#[tokio::test]
async fn pages_and_tools_say_what_they_ask_for_over_every_transport() {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in REVISIONS {
            let what = format!("{over:?}, {}", revision.name());
            let caller = host.caller(revision, Who::default()).await;
            // The first revisions have no `_meta`.
            let is_known = revision != Revision::V2024_11_05;
            let seen = |value: Value| if is_known { value } else { Value::Null };
            let resources = caller.request("resources/list", json!({})).await.unwrap();
            let page = named(&resources["resources"], "uri", "ui://panel");
            assert_eq!(page["mimeType"], MIME, "{what}");
            assert_eq!(page["_meta"]["ui"], seen(asked()), "{what}");
            assert_eq!(page["_meta"]["com.example/note"], seen(json!(1)), "{what}");
            let page = named(&resources["resources"], "uri", "ui://plain");
            assert_eq!(page["mimeType"], MIME, "{what}");
            assert_eq!(page.get("_meta"), None, "{what}");

            let read = json!({ "uri": "ui://panel" });
            let contents = caller.request("resources/read", read).await.unwrap();
            let part = &contents["contents"][0];
            assert_eq!(
                (&part["mimeType"], &part["text"]),
                (&json!(MIME), &json!("<!doctype html>"))
            );
            assert_eq!(part["_meta"]["ui"], seen(asked()), "{what}");
            let read = json!({ "uri": "ui://plain" });
            let contents = caller.request("resources/read", read).await.unwrap();
            assert_eq!(contents["contents"][0]["mimeType"], MIME, "{what}");
            assert_eq!(contents["contents"][0].get("_meta"), None, "{what}");

            let tools = caller.request("tools/list", json!({})).await.unwrap();
            for (name, ui) in [
                ("show", json!({ "resourceUri": "ui://panel" })),
                (
                    "refresh",
                    json!({ "resourceUri": "ui://plain", "visibility": ["app"] }),
                ),
                ("explain", json!({ "visibility": ["model"] })),
            ] {
                let tool = named(&tools["tools"], "name", name);
                assert_eq!(tool["_meta"]["ui"], seen(ui), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_handler_says_about_its_page_wins_if_it_is_valid() {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in [Revision::V2025_06_18, Revision::V2026_07_28] {
            let caller = host.caller(revision, Who::default()).await;
            let read = json!({ "uri": "ui://own/me" });
            let contents = caller.request("resources/read", read).await.unwrap();
            let [own, default, other] = &contents["contents"].as_array().unwrap()[..] else {
                panic!("{contents}");
            };
            let origins = json!({ "connectDomains": ["https://me.example.com"] });
            assert_eq!(own["_meta"], json!({ "ui": { "csp": origins } }));
            let origins = json!({ "connectDomains": ["https://api.example.com"] });
            let meta = json!({ "com.example/x": 1, "ui": { "csp": origins } });
            assert_eq!(default["_meta"], meta);
            assert_eq!(
                (&own["mimeType"], &default["mimeType"]),
                (&json!(MIME), &json!(MIME))
            );
            assert_eq!(other["mimeType"], "text/plain");
            assert_eq!(other.get("_meta"), None);
        }
    }
}

#[tokio::test]
async fn a_handler_knows_whether_its_client_shows_pages() {
    let extension =
        |settings: Value| json!({ "extensions": { "io.modelcontextprotocol/ui": settings } });
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in REVISIONS {
            for (capabilities, apps) in [
                (extension(json!({ "mimeTypes": [MIME] })), true),
                (extension(json!({ "mimeTypes": ["text/html"] })), false),
                (extension(json!({})), false),
                (
                    json!({ "extensions": { "com.example/ui": { "mimeTypes": [MIME] } } }),
                    false,
                ),
                (json!({}), false),
            ] {
                let what = format!("{over:?}, {}, {capabilities}", revision.name());
                let who = Who {
                    capabilities,
                    ..Who::default()
                };
                let caller = host.caller(revision, who).await;
                let call = json!({ "name": "show", "arguments": {} });
                let reply = caller.request("tools/call", call).await.unwrap();
                assert_eq!(reply["content"][0]["text"], apps.to_string(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_extension_is_declared_if_a_tool_has_a_page() {
    let plain = || Server::new("plain", "1").with(components![explain, plain]);
    for (server, is_declared) in [(server as fn() -> Server, true), (plain, false)] {
        for revision in REVISIONS {
            let client = server().connect().revision(revision).await;
            let method = if revision == Revision::LATEST {
                "server/discover"
            } else {
                "initialize"
            };
            let params = match method {
                "initialize" => json!({
                    "protocolVersion": revision.name(),
                    "capabilities": {},
                    "clientInfo": { "name": "a", "version": "1" },
                }),
                _ => json!({}),
            };
            let result = client.request(method, params).await.unwrap();
            let declared = &result["capabilities"]["extensions"]["io.modelcontextprotocol/ui"];
            let is_known = revision != Revision::V2024_11_05;
            let expected = if is_declared && is_known {
                json!({})
            } else {
                Value::Null
            };
            assert_eq!(*declared, expected, "{}", revision.name());
        }
    }
}

fn tool(name: &str) -> Tool {
    let schema = json!({ "type": "object" });
    Tool::new(name, schema, |_: Value, _: Context| async { "" })
}

fn page(uri: &str) -> Resource {
    Resource::new(uri, "page", |_: Value, _: Context| async { "<p>" })
}

#[tokio::test]
async fn pages_made_at_run_time_are_the_same() {
    let app = App::new()
        .connect(["https://api.example.com", "wss://live.example.com:8443"])
        .resources(["https://*.example.com"])
        .frames(["https://player.example.com"])
        .base_uris(["https://cdn.example.com"])
        .permissions([
            AppPermission::Camera,
            AppPermission::Microphone,
            AppPermission::Geolocation,
            AppPermission::ClipboardWrite,
        ])
        .domain("abc.example.com")
        .prefers_border(false);
    let shown = tool("shown")
        .ui("ui://a")
        .visibility([ToolVisibility::Model, ToolVisibility::App]);
    let server = Server::new("apps", "1")
        .with(page("ui://a").app(app))
        .with(shown);
    let client = server.mounted_in_outer().await;
    let resources = json!(client.resources().await.unwrap());
    assert_eq!(
        named(&resources, "uri", "ui://in/a")["_meta"]["ui"],
        asked()
    );
    let contents = client.read("ui://in/a").await.unwrap();
    assert_eq!(contents[0]["_meta"]["ui"], asked());
    assert_eq!(contents[0]["mimeType"], MIME);
    let tools = json!(client.tools().await.unwrap());
    let ui = json!({ "resourceUri": "ui://in/a", "visibility": ["model", "app"] });
    assert_eq!(named(&tools, "name", "in_shown")["_meta"]["ui"], ui);
}

/// Mounts a server in another one.
trait MountedInOuter {
    async fn mounted_in_outer(self) -> mcp_tests::client::Client;
}

impl MountedInOuter for Server {
    async fn mounted_in_outer(self) -> mcp_tests::client::Client {
        Server::new("outer", "1").mount("in", self).connect().await
    }
}

#[tokio::test]
async fn mistakes_are_named_when_the_server_is_built() {
    let raw = |ui: Value| page("ui://raw").mime(MIME).meta(json!({ "ui": ui }));
    let alone = |tool: Tool| Server::new("apps", "1").with(tool);
    let with = |resource: Resource| Server::new("apps", "1").with(resource);
    let meta = |ui: Value| alone(tool("a").meta(json!({ "ui": ui })));
    let cases = vec![
        (
            with(page("file:///a").app(App::new())),
            "its URI must begin with `ui://`",
        ),
        (
            with(page("ui://a").mime("text/html").app(App::new())),
            "its MIME type is `text/html;profile=mcp-app`: remove `text/html`",
        ),
        (
            with(page("ui://a").app(App::new()).mime("text/html")),
            "remove `text/html`",
        ),
        (
            with(raw(json!({})).app(App::new().prefers_border(true))),
            "remove `ui`",
        ),
        (
            with(page("ui://a").app(App::new().connect(["https://a.example/v1"]))),
            "`https://a.example/v1` is not an origin: it has no path",
        ),
        (
            with(page("ui://a").app(App::new().resources(["wss://a.example"]))),
            "WebSockets are for requests",
        ),
        (
            with(page("ui://a").app(App::new().frames(["'self'"]))),
            "`'self'` is not an origin",
        ),
        (
            with(page("ui://a").app(App::new().base_uris(["*"]))),
            "`*` is not an origin",
        ),
        (
            with(page("ui://a").app(App::new().domain("a b"))),
            "the domain of a page",
        ),
        (with(raw(json!([]))), "`ui` in its `_meta` is an object"),
        (with(raw(json!({ "csp": [] }))), "`csp` is an object"),
        (
            with(raw(json!({ "csp": { "connect-src": [] } }))),
            "`csp` has no list `connect-src`",
        ),
        (
            with(raw(
                json!({ "csp": { "connectDomains": "https://a.example" } }),
            )),
            "`connectDomains` is a list of origins",
        ),
        (
            with(raw(json!({ "csp": { "connectDomains": [7] } }))),
            "`connectDomains` is a list of texts",
        ),
        (
            with(raw(json!({ "permissions": { "usb": {} } }))),
            "`usb` is no permission",
        ),
        (
            with(raw(json!({ "permissions": ["camera"] }))),
            "`permissions` is an object",
        ),
        (
            with(raw(json!({ "prefersBorder": 1 }))),
            "`prefersBorder` is `true` or `false`",
        ),
        (
            alone(tool("a").visibility([])),
            "tool `a`: it is visible to nobody",
        ),
        (
            alone(tool("a").visibility([ToolVisibility::App])),
            "tool `a` is visible only to pages, and no tool of the server has one",
        ),
        (
            meta(json!({ "visibility": ["app", "user"] })),
            "its visibility is a list of `model` and `app`, and has \"user\"",
        ),
        (
            meta(json!({ "visibility": "app" })),
            "its visibility is a list of `model` and `app`",
        ),
        (
            meta(json!({ "csp": {} })),
            "`csp` of its `ui` belongs to the resource",
        ),
        (meta(json!("ui://a")), "`ui` in its `_meta` is an object"),
        (
            alone(tool("a").ui("ui://missing")),
            "add one with `#[resource(\"ui://missing\", app)]`",
        ),
    ];
    for (server, part) in cases {
        is_refused(server, part).await;
    }
}

async fn is_refused(server: Server, part: &str) {
    match server.connect().await.tools().await {
        Err(ClientError::Server(message)) => assert!(
            message.contains(part),
            "nothing says {part:?} in:\n{message}"
        ),
        other => panic!("{part}: the server was built: {other:?}"),
    }
}

#[tokio::test]
async fn models_neither_find_nor_call_the_tools_of_pages() {
    let client = server().tool_search(ToolSearch::new()).connect().await;
    let tools = json!(client.tools().await.unwrap());
    assert_eq!(tools.as_array().unwrap().len(), 3, "{tools}");
    named(&tools, "name", "refresh");
    for (query, is_found) in [("refresh the panel", false), ("explain the panel", true)] {
        let found = client
            .call("search_tools", json!({ "query": query, "limit": 50 }))
            .await
            .unwrap();
        let name = query.split(' ').next().unwrap();
        let names = found.structured()["tools"].to_string();
        assert_eq!(
            names.contains(&format!("\"name\":\"{name}\"")),
            is_found,
            "{names}"
        );
    }
    let call = client
        .call("call_tool", json!({ "name": "refresh" }))
        .await
        .unwrap();
    assert!(call.is_error(), "{}", call.text());
    let call = client
        .call("call_tool", json!({ "name": "show" }))
        .await
        .unwrap();
    assert_eq!(call.text(), "false");
    assert_eq!(
        client.call("refresh", json!({})).await.unwrap().text(),
        "fresh"
    );
}
