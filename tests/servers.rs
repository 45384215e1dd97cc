//! Construction of servers, errors of construction, changes while serving, and the lifecycle of state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    CacheScope, Call, ClientError, Completion, Extraction, Icon, Limits, Listing, Param,
    ResourceLink, Revision, Tool, ToolResult,
};
use mcp_tests::client::{Client, Connect as _};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Add two numbers.
#[tool]
async fn add(a: f64, b: f64) -> f64 {
    a + b
}

mod other {
    use mcp_runtime::prelude::*;

    /// Another tool of the same name.
    #[tool(name = "add")]
    pub(crate) async fn add_too() {}

    /// A function without an attribute.
    pub(crate) fn forgotten() {}
}

/// Sends a GET request, and returns the status and the body of the answer.
async fn get(address: std::net::SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_server_is_ready_from_the_start_of_its_lifespans_to_its_shutdown() {
    static RUNNING: tokio::sync::Notify = tokio::sync::Notify::const_new();
    static END: tokio::sync::Notify = tokio::sync::Notify::const_new();

    /// Wait.
    #[tool]
    async fn wait() {
        RUNNING.notify_one();
        END.notified().await;
    }

    let (go, start) = tokio::sync::oneshot::channel();
    let (stop, shutdown) = tokio::sync::oneshot::channel::<()>();
    let server = Server::new("slow", "1").with(components![wait]).lifespan(
        move || async move {
            start.await.unwrap();
            Ok::<_, std::io::Error>(0_u8)
        },
        |_| async {},
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        let _ = shutdown.await;
    }));
    let expected = |status: &str, body: &str| (status.to_owned(), body.to_owned());
    let starting = expected("503", "The server is starting");
    assert_eq!(get(address, "/ready").await, starting);
    assert_eq!(get(address, "/health").await, expected("200", "ok"));
    // A request for something else waits, and is answered by the started server.
    let early = tokio::spawn(async move { get(address, "/other").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!early.is_finished());
    go.send(()).unwrap();
    assert_eq!(early.await.unwrap().0, "404");
    assert_eq!(get(address, "/ready").await, expected("200", "ready"));
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}"#;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    RUNNING.notified().await;
    stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopping = expected("503", "The server is stopping");
    assert_eq!(get(address, "/ready").await, stopping);
    END.notify_one();
    serving.await.unwrap().unwrap();
}

struct Database(u32);

/// Look something up.
#[tool]
async fn look_up(database: State<Database>) -> u32 {
    database.0
}

/// A URI whose variable is a struct.
#[resource("odd://{what}")]
async fn odd(what: Odd) -> String {
    what.0.join("")
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Odd(Vec<String>);

/// A prompt.
#[prompt]
fn greeting() -> &'static str {
    "Hello"
}

fn tool(name: &str) -> Tool {
    Tool::new(
        name,
        json!({ "type": "object" }),
        |_: Value, _: Context| async { "made" },
    )
}

async fn problem(server: Server) -> String {
    match server.connect().await.tools().await {
        Err(ClientError::Server(message)) => message,
        other => panic!("the server was built: {other:?}"),
    }
}

#[tokio::test]
async fn a_tool_is_still_a_function() {
    assert_eq!(add(2.0, 3.0).await.to_string(), "5");
    assert_eq!(look_up(Database(7).into()).await, 7);
}

#[tokio::test]
async fn the_endpoint_is_at_the_path_that_was_chosen() {
    for path in ["/", "/mcp/", "/api/v1/tools", "/a%20b"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new("s", "1").with(components![add]).http_path(path);
        let serving = tokio::spawn(server.serve_listener(listener));
        for (at, status) in [(path, "405"), ("/mcp", "404"), ("/health", "200")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request =
                format!("GET {at} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(
                answer.split(' ').nth(1),
                Some(status),
                "{path} {at}: {answer}"
            );
        }
        serving.abort();
    }
    for (path, part) in [
        ("", "must begin with `/`"),
        ("mcp", "the HTTP path `mcp` must begin with `/`"),
        ("http://localhost/mcp", "must begin with `/`"),
        ("/mcp?x=1", "have no query"),
        ("/mcp#here", "must begin with `/`"),
        ("/m cp", "must begin with `/`"),
        ("/health", "is reserved"),
    ] {
        let message = problem(Server::new("s", "1").with(components![add]).http_path(path)).await;
        assert!(message.contains(part), "{path}: {message}");
    }
}

#[tokio::test]
async fn what_cannot_be_built_says_all_that_is_wrong() {
    let message = problem(Server::new("empty", "1")).await;
    assert!(
        message.contains("has no component") && message.contains("src/lib.rs"),
        "{message}"
    );

    let server = Server::new("wrong", "1")
        .with(components![
            add,
            other::add_too,
            other::forgotten,
            look_up,
            odd
        ])
        .with(tool("no spaces"))
        .with(Tool::new(
            "shapeless",
            json!(true),
            |_: Value, _: Context| async {},
        ))
        .state(1_u8)
        .state(2_u8)
        .state(1_u16)
        .shared_state(Arc::new(2_u16))
        .state_from(|| async { Ok::<_, String>(1_u32) })
        .lifespan(|| async { Ok::<_, String>(2_u32) }, |_| async {});
    let message = problem(server).await;
    for part in [
        "two tools are called `add`",
        "`other::forgotten` in `components![..]` is not annotated",
        "tool `look_up` takes `State<",
        "Database>`, but the server was given no",
        "resource `odd://{what}`: `what` cannot be read from a text",
        "tool `no spaces`: a name is 1 to 128",
        "tool `shapeless`: the schema of its arguments must have `\"type\": \"object\"`",
        "two states have the type `u8`",
        "two states have the type `u16`",
        "two states have the type `u32`",
    ] {
        assert!(
            message.contains(part),
            "nothing says {part:?} in:\n{message}"
        );
    }
}

/// A tool whose interface is not registered.
#[tool(ui = "ui://missing", icons = [Icon::new("http://example.com/a.png")])]
async fn faceless() {}

/// A tool whose interface is not a page.
#[tool(ui = "ui://plain", meta = json!({ "io.modelcontextprotocol/x": 1, "a key": 2 }))]
async fn plain_faced(#[arg(header = "Ratio")] ratio: Ratio) -> f64 {
    ratio.0
}

/// A number that the compiler does not see.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Ratio(f64);

/// An interface of another type.
#[resource("ui://plain", meta = json!("text"))]
async fn plain() -> &'static str {
    ""
}

/// A prompt with an icon that has no size.
#[prompt(icons = Icon::new("https://example.com/a.png").sizes(["big"]))]
async fn sized() -> &'static str {
    ""
}

#[tokio::test]
async fn what_no_client_would_take_is_said_at_once() {
    let schema = json!({ "type": "object", "properties": { "list": { "type": "array", "items": { "type": "string", "x-mcp-header": "List" } } } });
    let raw = Tool::new("raw", schema, |_: Value, _: Context| async {}).ui("https://example.com");
    let server = Server::new("wrong", "1")
        .with(components![faceless, plain_faced, plain, sized])
        .with(raw)
        .icons([Icon::new("file:///etc/icon.png")])
        .website("example.com")
        .extension("search", json!({}))
        .extension("com.example/search", json!(true))
        .extension("com.example/search", json!({}));
    let message = problem(server).await;
    for part in [
        "tool `faceless`: its interface `ui://missing` is not a resource of the server: add one with `#[resource(\"ui://missing\"",
        "tool `faceless`: the icon `http://example.com/a.png` must be at an `https://` URL",
        "tool `plain_faced`: its interface `ui://plain` is a resource that hosts do not show: make it a page with `app`, as in `#[resource(\"ui://plain\", app)]`",
        "tool `plain_faced`: `io.modelcontextprotocol/x` in `_meta` has a prefix that is reserved for the protocol",
        "tool `plain_faced`: `a key` is not a valid key for `_meta`",
        "tool `plain_faced`: the header `Ratio` of the argument `ratio` can repeat a string, an integer or a boolean, and the argument is a number",
        "resource `ui://plain`: `_meta` is an object",
        "prompt `sized`: the icon `https://example.com/a.png` has the size `big`",
        "tool `raw`: its interface `https://example.com` must begin with `ui://`",
        "tool `raw`: the header `List` must belong to a property",
        "the website `example.com` is not a URL",
        "the server: the icon `file:///etc/icon.png` must be at an `https://` URL",
        "the extension `search` needs an id with a prefix",
        "the settings of the extension `com.example/search` must be an object",
        "the extension `com.example/search` is declared twice",
    ] {
        assert!(
            message.contains(part),
            "nothing says {part:?} in:\n{message}"
        );
    }
    assert_eq!(message.matches("\n- ").count(), 15, "{message}");
}

/// A tool with an interface.
#[tool(ui = "ui://page")]
async fn faced() {}

/// An interface.
#[resource("ui://page", mime = "text/html;profile=mcp-app")]
async fn page() -> &'static str {
    "<p></p>"
}

#[tokio::test]
async fn only_new_tools_must_find_their_interfaces() {
    let server = Server::new("faced", "1").with(components![faced, page]);
    let handle = server.handle();
    let client = server.connect().await;
    let capabilities = client.request("server/discover", json!({})).await.unwrap();
    let extensions = json!({ "io.modelcontextprotocol/ui": {} });
    assert_eq!(capabilities["capabilities"]["extensions"], extensions);
    assert!(handle.add(tool("lost").ui("ui://lost")).is_err());
    assert!(handle.remove_resource("ui://page"));
    handle.add(tool("other")).unwrap();
    assert!(handle.remove_tool("faced"));
    let capabilities = client.request("server/discover", json!({})).await.unwrap();
    assert_eq!(capabilities["capabilities"].get("extensions"), None);
}

#[tokio::test]
async fn schemas_of_others_are_shown_as_they_are() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/schema",
        "type": "object",
        "$comment": "kept",
        "properties": {
            "a": { "$ref": "#/$defs/a" },
            "b": { "$dynamicRef": "#tree", "examples": [{ "$ref": "https://example.com/no-reference" }] },
            "$ref": { "type": "string" },
        },
        "$defs": { "a": { "$anchor": "tree", "type": ["string", "null"] } },
        "if": { "required": ["a"] }, "then": { "required": ["b"] }, "else": false,
        "anyOf": [true, { "minProperties": 1 }],
        "dependentRequired": { "a": ["b"] },
        "unevaluatedProperties": false,
    });
    let tool = Tool::new("raw", schema.clone(), |_: Value, _: Context| async {});
    let tools = Server::new("raw", "1")
        .with(tool)
        .connect()
        .await
        .tools()
        .await
        .unwrap();
    assert_eq!(tools[0]["inputSchema"], schema);
    assert_eq!(
        tools[0]["inputSchema"].to_string(),
        schema.to_string(),
        "in this order"
    );
}

#[tokio::test]
async fn schemas_that_lead_elsewhere_or_are_in_other_dialects_are_refused() {
    let made = |name: &str, schema: Value| Tool::new(name, schema, |_: Value, _: Context| async {});
    let server = Server::new("wrong", "1")
        .with(made("old", json!({ "$schema": "http://json-schema.org/draft-04/schema#", "type": "object" })))
        .with(made("away", json!({ "type": "object", "properties": { "a": { "items": [{ "$ref": "http://127.0.0.1:9/a.json" }] } } })))
        .with(made("dynamic", json!({ "type": "object", "allOf": [{ "$dynamicRef": "other.json#x" }] })));
    let server = ["default", "const", "enum", "examples", "required"].into_iter().fold(server, |server, name| {
        let named = json!({ "type": "object", "properties": { name: { "$ref": format!("{name}.json") } } });
        server.with(made(name, named))
    });
    let message = problem(server).await;
    for part in [
        "tool `old`: the schema of its arguments is written in \"http://json-schema.org/draft-04/schema#\": only",
        "tool `away`: the schema of its arguments refers to `http://127.0.0.1:9/a.json`",
        "tool `dynamic`: the schema of its arguments refers to `other.json#x`",
        // Properties with the names of keywords.
        "tool `default`: the schema of its arguments refers to `default.json`",
        "tool `const`: the schema of its arguments refers to `const.json`",
        "tool `enum`: the schema of its arguments refers to `enum.json`",
        "tool `examples`: the schema of its arguments refers to `examples.json`",
        "tool `required`: the schema of its arguments refers to `required.json`",
    ] {
        assert!(
            message.contains(part),
            "nothing says {part:?} in:\n{message}"
        );
    }
    assert_eq!(message.matches("\n- ").count(), 8, "{message}");
}

/// The information that a server gives about itself.
async fn about(client: &Client, revision: Revision) -> Value {
    let (method, params) = if revision == Revision::LATEST {
        ("server/discover", json!({}))
    } else {
        let params = json!({ "protocolVersion": revision.name(), "capabilities": {} });
        ("initialize", params)
    };
    client.request(method, params).await.unwrap()
}

#[tokio::test]
async fn what_a_server_has_none_of_is_no_capability() {
    let methods = [
        ("resources", "resources/list", json!({})),
        ("resources", "resources/templates/list", json!({})),
        ("resources", "resources/read", json!({ "uri": "a://b" })),
        ("prompts", "prompts/list", json!({})),
        ("prompts", "prompts/get", json!({ "name": "a" })),
        (
            "completions",
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "a" }, "argument": { "name": "a", "value": "" } }),
        ),
    ];
    for &revision in Revision::ALL {
        let client = Server::new("tools", "1")
            .with(components![add])
            .connect()
            .revision(revision)
            .await;
        let about = about(&client, revision).await;
        assert!(about["capabilities"]["tools"].is_object(), "{about}");
        let subscribe = (
            "resources",
            "resources/subscribe",
            json!({ "uri": "a://b" }),
        );
        for (capability, method, params) in methods.iter().chain([&subscribe]) {
            assert_eq!(about["capabilities"].get(capability), None, "{about}");
            match client.request(method, params.clone()).await {
                Err(ClientError::Rpc { code: -32601, .. }) => {}
                other => panic!("{method}: {other:?}"),
            }
        }
    }
    let client = Server::new("texts", "1")
        .with(components![text])
        .connect()
        .await;
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "a" })),
    ] {
        match client.request(method, params).await {
            Err(ClientError::Rpc { code: -32601, .. }) => {}
            other => panic!("{method}: {other:?}"),
        }
    }
}

/// A list in the URI that is taken as one text.
#[resource("tags://{tags*}")]
async fn tagged(tags: String) -> String {
    tags
}

#[tool]
async fn endless(#[arg(default = f64::INFINITY)] limit: f64) -> f64 {
    limit
}

#[tool]
async fn whole(#[arg(range(0.5..))] number: u8) -> u8 {
    number
}

#[tokio::test]
async fn values_that_cannot_be_are_said_when_the_server_is_built() {
    let message = problem(Server::new("odd", "1").with(components![tagged, endless, whole])).await;
    for part in [
        "`tags` is a list in the URI: take a `Vec`, or write `tags` without its `*`",
        "the default of `limit` is not finite",
        "`number` is an integer from 0 to 255, and a bound of its `range` has a fraction",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Page {
    #[serde(default)]
    size: Option<u8>,
}

#[tool]
async fn defaults(#[arg(default = None)] limit: Option<u8>, page: Page) -> u8 {
    limit.or(page.size).unwrap_or(7)
}

/// Clients that fill in default values would send values that the schema forbids.
#[tokio::test]
async fn null_is_no_default() {
    let client = Server::new("defaults", "1")
        .with(components![defaults])
        .connect()
        .await;
    let schema = client.tools().await.unwrap()[0]["inputSchema"].to_string();
    assert!(
        !schema.contains("null") && !schema.contains("\"default\""),
        "{schema}"
    );
    let reply = client
        .call("defaults", json!({ "page": {} }))
        .await
        .unwrap();
    assert_eq!(reply.structured()["result"], 7);
}

/// A prompt whose argument can be completed.
#[prompt]
fn agree(yes: bool) -> String {
    yes.to_string()
}

/// The first revision supports completion, and has no capability for it.
#[tokio::test]
async fn completing_is_a_capability_since_2025_03_26() {
    for &revision in Revision::ALL {
        let server = Server::new("agreeing", "1").with(components![agree]);
        let client = server.connect().revision(revision).await;
        let about = about(&client, revision).await;
        assert_eq!(
            about["capabilities"].get("completions").is_some(),
            revision.name() > "2024-11-05",
            "{about}"
        );
        let completed = client.complete("agree", "yes", "t").await.unwrap();
        assert_eq!(completed.values, ["true"]);
    }
}

/// A list that had components at any time is empty without them, and stays available.
#[tokio::test]
async fn a_capability_outlives_the_last_component_of_its_kind() {
    let argument = json!({ "name": "yes", "value": "" });
    let completed = |kind: &str, key: &str| json!({ "ref": { "type": kind, key: "a://b" }, "argument": argument });
    let lists = [
        ("tools/list", "tools"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ];
    let not_found = |revision| {
        if revision == Revision::LATEST {
            -32602
        } else {
            -32002
        }
    };
    let refused = [
        ("tools/call", json!({ "name": "add" })),
        ("prompts/get", json!({ "name": "agree" })),
        ("completion/complete", completed("ref/prompt", "name")),
        ("completion/complete", completed("ref/resource", "uri")),
        ("resources/read", json!({ "uri": "numbers://1" })),
        ("resources/subscribe", json!({ "uri": "numbers://1" })),
    ];
    for &revision in Revision::ALL {
        let server = Server::new("all", "1").with(components![add, agree, watched, text]);
        let handle = server.handle();
        let client = server.connect().revision(revision).await;
        let before = about(&client, revision).await;
        assert!(handle.remove_tool("add"));
        assert!(handle.remove_prompt("agree"));
        assert!(handle.remove_resource("watched://{number}"));
        assert!(handle.remove_resource("cache://text"));
        let after = about(&client, revision).await;
        assert_eq!(
            before["capabilities"], after["capabilities"],
            "{revision:?}"
        );
        for (method, key) in lists {
            let list = client.request(method, json!({})).await;
            let list = list.unwrap_or_else(|error| panic!("{method}: {error}"));
            assert_eq!(list[key], json!([]), "{revision:?}: {list}");
        }
        for (method, params) in &refused {
            let expected = match *method {
                "resources/subscribe" if revision == Revision::LATEST => -32601,
                "resources/read" | "resources/subscribe" => not_found(revision),
                _ => -32602,
            };
            match client.request(method, params.clone()).await {
                Err(ClientError::Rpc { code, .. }) if code == expected => {}
                other => panic!("{revision:?}: {method}: {other:?}"),
            }
        }
    }
}

/// A component that cannot be added does not add its capability.
#[tokio::test]
async fn what_was_never_added_is_no_capability() {
    let server = Server::new("texts", "1").with(components![text]);
    let handle = server.handle();
    let client = server.connect().await;
    let broken = Tool::new("broken", json!({}), |_: Value, _: Context| async {});
    assert!(handle.add(broken).is_err());
    assert!(client.tools().await.is_err());
    handle.add(components![add]).unwrap();
    assert!(handle.remove_tool("add"));
    assert_eq!(client.tools().await.unwrap(), [Value::Null; 0]);
}

/// A text for everybody.
#[resource("cache://text")]
async fn text() -> &'static str {
    "text"
}

/// A text for a moment.
#[resource("cache://brief", cache(ttl = 1))]
async fn brief() -> &'static str {
    "brief"
}

/// A text that depends on a parameter whose scope is unknown.
#[resource("cache://tenant")]
async fn of_tenant(tenant: Tenant) -> String {
    tenant.0
}

/// A text that depends on a parameter that is the same for all callers.
#[resource("cache://clock")]
async fn of_clock(clock: Clock) -> String {
    clock.0
}

struct Tenant(String);

impl<'c> Param<'c> for Tenant {
    fn extract(_: &'c Call, _: usize) -> Extraction<'c, Self> {
        Extraction::ready(Ok(Self(String::new())))
    }
}

struct Clock(String);

impl<'c> Param<'c> for Clock {
    const DEPENDS_ON_CALLER: bool = false;

    fn extract(_: &'c Call, _: usize) -> Extraction<'c, Self> {
        Extraction::ready(Ok(Self(String::new())))
    }
}

#[tokio::test]
async fn the_cache_of_a_server_is_for_all_that_says_nothing_else() {
    let client = Server::new("cached", "1")
        .with(components![text, brief, of_tenant, of_clock])
        .page_size(1)
        .cache(Duration::from_secs(5), CacheScope::Public)
        .connect()
        .await;
    let read = |uri: &str| ("resources/read", json!({ "uri": uri }));
    let first = client.request("resources/list", json!({})).await.unwrap();
    let next = json!({ "cursor": first["nextCursor"] });
    for ((method, params), ttl, scope) in [
        (("server/discover", json!({})), 5000, "public"),
        (("resources/list", json!({})), 5000, "public"),
        (("resources/list", next), 5000, "public"),
        (read("cache://text"), 5000, "public"),
        (read("cache://brief"), 1000, "private"),
        (read("cache://tenant"), 5000, "private"),
        (read("cache://clock"), 5000, "public"),
    ] {
        let result = client.request(method, params.clone()).await.unwrap();
        assert_eq!(result["ttlMs"], ttl, "{method} {params}");
        assert_eq!(result["cacheScope"], scope, "{method} {params}");
    }
    let mut page = first;
    while let Some(next) = page.get("nextCursor") {
        let params = json!({ "cursor": next });
        page = client.request("resources/list", params).await.unwrap();
        assert_eq!(page["cacheScope"], "public", "{page}");
    }
}

#[tokio::test]
async fn only_the_named_components_are_served_in_their_order() {
    let server = Server::new("few", "1")
        .with(components![look_up, add])
        .state(Database(1));
    let tools = server.connect().await.tools().await.unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["look_up", "add"]);
}

#[tokio::test]
async fn tools_come_and_go_while_serving() {
    let server = Server::new("changing", "1").with(components![add]);
    let handle = server.handle();
    assert!(handle.add(tool("early")).is_err(), "it does not serve yet");
    let client = server.connect().await;
    assert!(client.call("late", json!({})).await.is_err());
    handle.add(tool("late")).unwrap();
    assert_eq!(client.call("late", json!({})).await.unwrap().text(), "made");
    assert_eq!(client.tools().await.unwrap().len(), 2);
    let twice = handle.add(tool("late")).unwrap_err();
    assert!(
        twice.to_string().contains("two tools are called `late`"),
        "{twice}"
    );
    assert!(handle.remove_tool("late"));
    assert!(!handle.remove_tool("late"));
    assert!(client.call("late", json!({})).await.is_err());
    assert_eq!(client.tools().await.unwrap().len(), 1);
}

#[tokio::test]
async fn pages_stay_right_while_tools_come_and_go() {
    let mut server = Server::new("paged", "1").page_size(3);
    for number in 0..8 {
        server = server.with(tool(&format!("tool-{number}")));
    }
    let handle = server.handle();
    let client = server.connect().await;
    let first = client.request("tools/list", json!({})).await.unwrap();
    let cursor = first["nextCursor"].as_str().unwrap();
    assert!(handle.remove_tool("tool-2") && handle.remove_tool("tool-4"));
    handle.add(tool("tool-8")).unwrap();
    let mut names: Vec<String> = Vec::new();
    let mut page = client
        .request("tools/list", json!({ "cursor": cursor }))
        .await
        .unwrap();
    loop {
        let tools = page["tools"].as_array().unwrap();
        assert!(tools.len() <= 3);
        names.extend(
            tools
                .iter()
                .map(|tool| tool["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page.get("nextCursor").cloned() else {
            break;
        };
        page = client
            .request("tools/list", json!({ "cursor": next }))
            .await
            .unwrap();
    }
    assert_eq!(names, ["tool-3", "tool-5", "tool-6", "tool-7", "tool-8"]);
}

#[tokio::test]
async fn a_page_is_the_next_one_in_every_process_and_none_but_the_last_ends() {
    let paged = || {
        let server = Server::new("paged", "1").page_size(2);
        (0..5).fold(server, |server, number| {
            server.with(tool(&format!("tool-{number}")))
        })
    };
    let (one, other) = (paged().connect().await, paged().connect().await);
    let mut cursor = Value::Null;
    let mut names = Vec::new();
    for (turn, client) in [&one, &other, &one].into_iter().enumerate() {
        let params = if cursor.is_null() {
            json!({})
        } else {
            json!({ "cursor": cursor })
        };
        // The same cursor gives the same page again, on this server and on another.
        let page = client.request("tools/list", params.clone()).await.unwrap();
        assert_eq!(
            one.request("tools/list", params.clone()).await.unwrap(),
            page
        );
        assert_eq!(other.request("tools/list", params).await.unwrap(), page);
        names.extend(
            page["tools"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tool| tool["name"].clone()),
        );
        assert_eq!(page.get("nextCursor").is_some(), turn < 2, "{page}");
        assert_eq!(page["cacheScope"], "public");
        cursor = page["nextCursor"].clone();
    }
    assert_eq!(names, ["tool-0", "tool-1", "tool-2", "tool-3", "tool-4"]);
    for invented in [
        "",
        "0",
        "2",
        "tools:1",
        "dG9vbHM6eA",
        "dG9vbHM6MQ==",
        "\u{fc}",
    ] {
        match one
            .request("tools/list", json!({ "cursor": invented }))
            .await
        {
            Err(ClientError::Rpc { code: -32602, .. }) => {}
            reply => panic!("{invented:?}: {reply:?}"),
        }
    }
}

/// A greeting in a language.
#[prompt]
fn greeting_in(#[arg(complete = languages)] language: String) -> String {
    language
}

/// A text in a language.
#[resource("text://{language}/{name}")]
async fn text_in(#[arg(complete = languages)] language: String, name: String) -> String {
    language + &name
}

/// A text by its number.
#[resource("text://{number}")]
async fn text_of(number: u8) -> String {
    number.to_string()
}

/// Languages, and the argument `name` if it is known.
fn languages(completion: Completion) -> Vec<String> {
    let known = completion.argument("name").unwrap_or("unknown");
    vec![format!("english-{known}"), format!("esperanto-{known}")]
}

#[tokio::test]
async fn all_lists_have_pages_with_opaque_cursors() {
    let server = Server::new("paged", "1").page_size(1);
    let components = components![
        add,
        look_up,
        text,
        brief,
        text_in,
        text_of,
        greeting,
        greeting_in
    ];
    let server = server.with(components).state(Database(1));
    let client = server.connect().await;
    let mut cursors = Vec::new();
    for (method, kind, key, expected) in [
        ("tools/list", "tools", "name", ["add", "look_up"]),
        (
            "resources/list",
            "resources",
            "uri",
            ["cache://text", "cache://brief"],
        ),
        (
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
            ["text://{language}/{name}", "text://{number}"],
        ),
        (
            "prompts/list",
            "prompts",
            "name",
            ["greeting", "greeting_in"],
        ),
    ] {
        let first = client.request(method, json!({})).await.unwrap();
        let cursor = first["nextCursor"].as_str().unwrap().to_owned();
        let last = client.request(method, json!({ "cursor": cursor })).await;
        let last = last.unwrap();
        assert_eq!(last.get("nextCursor"), None, "{method}");
        for (page, expected) in [first, last].iter().zip(expected) {
            assert_eq!(page[kind].as_array().unwrap().len(), 1, "{method}");
            assert_eq!(page[kind][0][key], expected, "{method}");
        }
        let plain = [kind, expected[0], expected[1]];
        assert!(!plain.iter().any(|it| cursor.contains(it)), "{cursor}");
        cursors.push((method, cursor));
    }
    for (method, _) in &cursors {
        for (_, cursor) in cursors.iter().filter(|(of, _)| of != method) {
            match client.request(method, json!({ "cursor": cursor })).await {
                Err(ClientError::Rpc { code: -32602, .. }) => {}
                reply => panic!("{method} took the cursor of another list: {reply:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_template_is_completed_by_its_text_or_by_a_uri() {
    let server = Server::new("completing", "1").with(components![text, text_in]);
    let client = server.connect().await;
    let complete = |uri: &str, argument: &str| {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": uri },
            "argument": { "name": argument, "value": "e" },
            "context": { "arguments": { "name": "note" } },
        });
        client.request("completion/complete", params)
    };
    for uri in [
        "text://{language}/{name}",
        "text://en/note",
        "text://%65n/note",
    ] {
        let result = complete(uri, "language").await.unwrap();
        let values = json!(["english-note", "esperanto-note"]);
        assert_eq!(result["completion"]["values"], values, "{uri}");
        let result = complete(uri, "name").await.unwrap();
        assert_eq!(result["completion"]["values"], json!([]), "{uri}");
    }
    for (uri, argument, message) in [
        ("text://en/note", "nope", "unknown argument `nope`"),
        ("cache://text", "language", "unknown argument `language`"),
        (
            "text://en",
            "language",
            "Unknown resource or template: `text://en`",
        ),
        ("nope", "language", "Unknown resource or template: `nope`"),
    ] {
        match complete(uri, argument).await {
            Err(ClientError::Rpc {
                code: -32602,
                message: told,
                ..
            }) => {
                assert!(told.contains(message), "{uri}: {told}");
            }
            reply => panic!("{uri}: {reply:?}"),
        }
    }
}

#[tokio::test]
async fn who_listens_is_told_what_comes_and_goes() {
    let server = Server::new("changing", "1").with(components![add, text, greeting]);
    let handle = server.handle();
    let client = server.connect().await;
    let all = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true });
    let listening = client.listen(all).unwrap();
    let heard = || {
        let told = client.take_notifications();
        told.iter()
            .map(|one| one["method"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(heard(), ["notifications/subscriptions/acknowledged"]);
    handle.add(tool("late")).unwrap();
    assert_eq!(heard(), ["notifications/tools/list_changed"]);
    assert!(handle.remove_tool("late"));
    assert_eq!(heard(), ["notifications/tools/list_changed"]);
    assert!(handle.remove_resource("cache://text"));
    assert_eq!(heard(), ["notifications/resources/list_changed"]);
    assert!(handle.remove_prompt("greeting"));
    assert_eq!(heard(), ["notifications/prompts/list_changed"]);
    // A call that changes nothing sends no notification, and a listener that has stopped receives none.
    assert!(!handle.remove_tool("late"));
    assert_eq!(heard(), [""; 0]);
    drop(listening);
    handle.add(tool("later")).unwrap();
    assert_eq!(heard(), [""; 0]);
}

/// A resource whose URI can be written in many ways.
#[resource("plain://house/~a/b")]
async fn static_uri() -> &'static str {
    "plain"
}

/// The same URI in another spelling.
#[resource("PLAIN://House/%7ea/./b")]
async fn static_uri_too() -> &'static str {
    ""
}

/// A template with a variable in the place of the host.
#[resource("time://{zone}")]
async fn time(zone: String) -> String {
    zone
}

const EQUIVALENT: [&str; 3] = [
    "plain://house/~a/b",
    "Plain://HOUSE/%7Ea/b",
    "plain://house/x/../~a/%62",
];

/// The URIs of the updates that a client received.
fn updates(client: &Client) -> Vec<Value> {
    let told = client.take_notifications().into_iter();
    told.filter(|one| one["method"] == "notifications/resources/updated")
        .map(|mut one| one["params"]["uri"].take())
        .collect()
}

#[tokio::test]
async fn equivalent_uris_name_one_resource() {
    let server = Server::new("uris", "1").with(components![static_uri, time]);
    let handle = server.handle();
    let client = server.connect().revision(Revision::V2025_11_25).await;
    for uri in EQUIVALENT {
        let read = client.read(uri).await.unwrap();
        assert_eq!(read[0]["text"], "plain", "{uri}");
        assert_eq!(read[0]["uri"], uri, "as the client wrote it");
    }
    for other in [
        "plain://house/~A/b",
        "plain://house/~a%2Fb",
        "plain://house/~a/b?",
    ] {
        assert!(client.read(other).await.is_err(), "{other}");
    }
    let read = client.read("time://Europe;b,c&d=e:8").await.unwrap();
    assert_eq!(read[0]["text"], "Europe;b,c&d=e:8");
    for uri in EQUIVALENT {
        let send = |method: &'static str, uri| client.request(method, json!({ "uri": uri }));
        send("resources/subscribe", uri).await.unwrap();
        for changed in EQUIVALENT {
            handle.notify().unwrap().resource_updated(changed);
            assert_eq!(updates(&client), [uri], "{changed}");
        }
        handle
            .notify()
            .unwrap()
            .resource_updated("plain://house/~A/b");
        send("resources/unsubscribe", EQUIVALENT[0]).await.unwrap();
        handle.notify().unwrap().resource_updated(uri);
        assert_eq!(updates(&client), [""; 0], "{uri}");
    }
    assert!(handle.remove_resource(EQUIVALENT[1]));
}

#[tokio::test]
async fn equivalent_uris_are_listened_for() {
    let server = Server::new("uris", "1").with(components![static_uri, time]);
    let handle = server.handle();
    let client = server.connect().await;
    let wishes =
        json!({ "resourceSubscriptions": [EQUIVALENT[1], "time://Berlin", "time://berlin"] });
    let listening = client.listen(wishes).unwrap();
    let acknowledged = client.take_notifications().remove(0);
    let agreed = acknowledged["params"]["notifications"]["resourceSubscriptions"].as_array();
    assert_eq!(agreed.map(Vec::len), Some(3), "{acknowledged}");
    for (changed, told) in [
        (EQUIVALENT[2], Some(EQUIVALENT[1])),
        // A variable in the place of the host keeps its case.
        ("time://Berlin", Some("time://Berlin")),
        ("time://berlin", Some("time://berlin")),
        ("time://Bonn", None),
    ] {
        handle.notify().unwrap().resource_updated(changed);
        assert_eq!(updates(&client), Vec::from_iter(told), "{changed}");
    }
    drop(listening);
}

#[tokio::test]
async fn equivalent_uris_cannot_be_given_twice() {
    let server = Server::new("uris", "1").with(components![static_uri, static_uri_too]);
    let error = server
        .connect()
        .await
        .read("plain://house/~a/b")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("two resources are called"),
        "{error}"
    );
}

/// One of more resources than a session may subscribe to.
#[resource("watched://{number}")]
async fn watched(number: u32) -> String {
    number.to_string()
}

#[tokio::test]
async fn a_session_subscribes_to_so_many_resources() {
    let server = Server::new("watched", "1").with(components![watched]);
    let client = server.connect().revision(Revision::V2025_11_25).await;
    let send = |method: &'static str, number: u32| {
        client.request(method, json!({ "uri": format!("watched://{number}") }))
    };
    for number in 0..1000 {
        send("resources/subscribe", number).await.unwrap();
    }
    let error = send("resources/subscribe", 1000).await.unwrap_err();
    assert!(error.to_string().contains("1000 resources"), "{error}");
    send("resources/subscribe", 0).await.unwrap();
    send("resources/unsubscribe", 0).await.unwrap();
    send("resources/subscribe", 1000).await.unwrap();
}

#[tokio::test]
async fn any_two_streams_speak_like_stdio() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (near, far) = tokio::io::duplex(64);
    let (reader, writer) = tokio::io::split(far);
    let served = tokio::spawn(
        Server::new("piped", "1")
            .with(components![add])
            .serve_streams(reader, writer),
    );
    let (reader, mut writer) = tokio::io::split(near);
    let mut lines = BufReader::new(reader).lines();
    let conversation = Conversation::new(MODERN);
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    for id in 0..3 {
        let params = json!({ "name": "add", "arguments": { "a": id, "b": 1 }, "_meta": meta });
        let message =
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let line = format!("{message}\r\n\n");
        conversation.wrote(line.as_bytes());
        writer.write_all(line.as_bytes()).await.unwrap();
        let answer: Value =
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        conversation.received(&answer);
        assert_eq!(answer["id"], id);
        assert_eq!(
            answer["result"]["structuredContent"]["result"],
            f64::from(id + 1)
        );
    }
    writer.shutdown().await.unwrap();
    assert!(lines.next_line().await.unwrap().is_none());
    served.await.unwrap().unwrap();
}

/// A short answer is not delayed by large answers to earlier requests.
#[tokio::test]
async fn answers_are_written_as_they_are_ready() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let large = Tool::new(
        "large",
        json!({ "type": "object" }),
        move |_: Value, _: Context| {
            count.fetch_add(1, Ordering::SeqCst);
            async { "x".repeat(1 << 20) }
        },
    );
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(far);
    let serving = Server::new("piped", "1")
        .with(components![add])
        .with(large)
        .serve_streams(reader, writer);
    let served = tokio::spawn(serving);
    let (reader, mut writer) = tokio::io::split(near);
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let mut all = String::new();
    for id in 0..100 {
        let (name, arguments) = match id {
            0 => ("add", json!({ "a": 1, "b": 1 })),
            _ => ("large", json!({})),
        };
        let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        let message =
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        all += &message.to_string();
        all.push('\n');
    }
    let conversation = Conversation::new(MODERN);
    conversation.wrote(all.as_bytes());
    writer.write_all(all.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(reader).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    conversation.received(&serde_json::from_str(&first).unwrap());
    assert!(first.contains("structuredContent"), "{first}");
    let made_before = made.load(Ordering::SeqCst);
    assert!(
        made_before < 10,
        "{made_before} large answers were made first"
    );
    for _ in 1..100 {
        let line = lines.next_line().await.unwrap().unwrap();
        conversation.received(&serde_json::from_str(&line).unwrap());
    }
    drop(writer);
    served.abort();
}

/// A client that sends everything and ends its input before it reads.
#[tokio::test]
async fn answers_that_wait_behind_a_full_pipe_are_written_after_the_end_of_input() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    let (near, far) = tokio::io::duplex(4096);
    let (reader, writer) = tokio::io::split(far);
    let serving = Server::new("piped", "1")
        .with(components![add])
        .serve_streams(reader, writer);
    let served = tokio::spawn(serving);
    let (reader, mut writer) = tokio::io::split(near);
    let conversation = Conversation::new(MODERN);
    let sent = conversation.clone();
    let sending = tokio::spawn(async move {
        for id in 0..1000 {
            let params = json!({ "name": "add", "arguments": { "a": id, "b": 1 }, "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } });
            let message =
                json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
            let line = format!("{message}\n");
            sent.wrote(line.as_bytes());
            writer.write_all(line.as_bytes()).await.unwrap();
        }
        writer.shutdown().await.unwrap();
    });
    let mut lines = BufReader::new(reader).lines();
    let mut answered = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        conversation.received(&serde_json::from_str(&line).unwrap());
        assert!(line.contains("structuredContent"), "{line}");
        answered += 1;
    }
    assert_eq!(answered, 1000);
    sending.await.unwrap();
    served.await.unwrap().unwrap();
}

/// A prompt that brings resources along.
#[prompt]
fn attached() -> Vec<Message> {
    let text = ResourceContents::text("inside").mime("text/plain");
    let blob = ResourceContents::bytes(*b"\x89PNG").mime("image/png");
    vec![
        Message::user(EmbeddedResource::new("text://inside", text)),
        Message::assistant(EmbeddedResource::new("image://inside", blob)),
    ]
}

#[tokio::test]
async fn a_prompt_may_bring_resources_along() {
    let client = Server::new("attached", "1")
        .with(components![attached])
        .connect()
        .await;
    let messages = client.prompt("attached", json!({})).await.unwrap();
    let expected = [
        json!({ "role": "user", "content": { "type": "resource", "resource": { "uri": "text://inside", "mimeType": "text/plain", "text": "inside" } } }),
        json!({ "role": "assistant", "content": { "type": "resource", "resource": { "uri": "image://inside", "mimeType": "image/png", "blob": "iVBORw==" } } }),
    ];
    assert_eq!(messages, expected);
}

#[tokio::test]
async fn a_lifespan_starts_before_and_stops_after() {
    static STOPPED: AtomicBool = AtomicBool::new(false);
    let server = Server::new("living", "1")
        .with(components![look_up])
        .lifespan(
            || async {
                tokio::task::yield_now().await;
                Ok::<_, std::io::Error>(Database(42))
            },
            |database: Arc<Database>| async move {
                STOPPED.store(database.0 == 42, Ordering::SeqCst);
            },
        );
    let client = server.connect().await;
    assert_eq!(
        client
            .call("look_up", json!({}))
            .await
            .unwrap()
            .structured()["result"],
        42
    );
    assert!(!STOPPED.load(Ordering::SeqCst));
    client.close().await;
    assert!(STOPPED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_state_from_a_function_is_dropped_when_the_server_has_ended() {
    struct Pool(Arc<AtomicBool>);

    impl Drop for Pool {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Return `true` if the pool is closed.
    #[tool]
    async fn is_closed(pool: State<Pool>) -> bool {
        pool.0.load(Ordering::SeqCst)
    }

    let closed = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&closed);
    let server = Server::new("pool", "1")
        .with(components![is_closed])
        .state_from(|| async { Ok::<_, std::io::Error>(Pool(shared)) });
    let client = server.connect().await;
    let reply = client.call("is_closed", json!({})).await.unwrap();
    assert_eq!(reply.text(), "false");
    client.close().await;
    assert!(closed.load(Ordering::SeqCst));

    let server = Server::new("pool", "1")
        .with(components![look_up])
        .state_from(|| async { Err::<Database, _>("no network") });
    assert!(problem(server).await.contains("no network"));
}

#[tokio::test]
async fn progress_is_reported_in_any_type_of_numbers() {
    /// Report progress.
    #[tool]
    async fn report(context: Context) {
        let (done, total) = (1_usize, Some(9_usize));
        context.progress(done, total, None);
        context.progress(2, Some(9), None);
        context.progress(3.5, None, None);
        context.progress(4_u64, Some(9), None);
        context.progress(5_u8, None, Some("nearly"));
    }

    let test = mcp_runtime::TestContext::new();
    report(test.context()).await;
    let sent = test.notifications();
    let sent = sent.iter().map(|it| &it["params"]);
    let sent: Vec<_> = sent.map(|it| (&it["progress"], &it["total"])).collect();
    let [nine, null] = [json!(9.0), json!(null)];
    assert_eq!(
        sent,
        [
            (&json!(1.0), &nine),
            (&json!(2.0), &nine),
            (&json!(3.5), &null),
            (&json!(4.0), &nine),
            (&json!(5.0), &null),
        ]
    );
}

#[tokio::test]
async fn a_test_can_check_a_server() {
    /// Return a number.
    #[tool]
    async fn nearly_a_long_name_() -> u8 {
        1
    }

    /// Return a number.
    #[tool]
    async fn short(value: u8) -> u8 {
        value
    }

    let server = Server::new("clean", "1").with(tool("clean").description("Runs."));
    let findings = server.check().await.unwrap();
    assert_eq!(findings, []);
    let server = Server::new("checked", "1")
        .with(components![nearly_a_long_name_, short])
        .visible(|_, _| false);
    let findings = server.check().await.unwrap();
    let [missing, close] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert!(!missing.is_warning() && format!("{missing:?}").contains("`value`"));
    assert!(close.is_warning() && close.to_string().contains("(19, 2 left)"));
    let server = Server::new("broken", "1").state(1_u8).state(2_u8);
    let error = server.check().await.unwrap_err();
    assert!(error.to_string().contains("two states"), "{error}");
}

#[tokio::test]
async fn a_lifespan_that_fails_stops_the_others_and_serves_nothing() {
    static STOPPED: AtomicBool = AtomicBool::new(false);
    let server = Server::new("failing", "1")
        .with(components![look_up])
        .lifespan(
            || async { Ok::<_, String>(Database(1)) },
            |_| async { STOPPED.store(true, Ordering::SeqCst) },
        )
        .lifespan(|| async { Err::<u8, _>("no network") }, |_| async {});
    assert!(problem(server).await.contains("no network"));
    assert!(STOPPED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_thread_keeps_its_place_until_it_ends() {
    static RUNNING: AtomicU32 = AtomicU32::new(0);

    /// Sleep until the time is over, even if the call is cancelled.
    #[tool]
    fn sleep() {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(300));
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }

    let mut limits = Limits::default();
    limits.requests = 1;
    let server = Server::new("one", "1")
        .with(components![sleep, add])
        .limits(limits);
    let client = Arc::new(server.connect().await);
    let caller = Arc::clone(&client);
    let call = tokio::spawn(async move { caller.call("sleep", json!({})).await });
    while RUNNING.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert!(
        client.call("add", json!({ "a": 1, "b": 1 })).await.is_err(),
        "the thread still runs"
    );
    while RUNNING.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(client.call("add", json!({ "a": 1, "b": 1 })).await.is_ok());
}

#[tokio::test]
async fn transports_keep_the_limits_of_their_server() {
    let mut limits = Limits::default();
    limits.depth = 6;
    let server = Server::new("shallow", "1").with(tool("any"));
    let client = server.limits(limits).connect().await;
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    // The message, its parameters and their arguments are three levels.
    client.call("any", json!({ "a": nested(3) })).await.unwrap();
    match client.call("any", json!({ "a": nested(4) })).await {
        Err(ClientError::Rpc { code: -32600, .. }) => {}
        reply => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn each_failure_has_a_reference_of_its_own() {
    #[tool]
    async fn fail() {
        panic!("on purpose");
    }
    let client = Server::new("failing", "1")
        .with(components![fail])
        .connect()
        .await;
    let mut references = Vec::new();
    for _ in 0..2 {
        let text = client.call("fail", json!({})).await.unwrap().text();
        let (_, reference) = text.split_once("(reference ").expect("a reference");
        let reference = reference.split_once(')').expect("its end").0.to_owned();
        assert!(
            reference.len() == 8 && reference.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{reference}"
        );
        references.push(reference);
    }
    assert_ne!(references[0], references[1]);
}

#[tokio::test]
async fn data_without_a_schema_is_an_object() {
    for (data, shown) in [
        (json!({ "a": 1 }), json!({ "a": 1 })),
        (json!([1, 2]), json!({ "result": [1, 2] })),
        (json!(1), json!({ "result": 1 })),
    ] {
        let handler = move |_: Value, _: Context| {
            let result = ToolResult::new().structured(&data);
            async { result }
        };
        let tool = Tool::new("data", json!({ "type": "object" }), handler);
        let client = Server::new("data", "1").with(tool).connect().await;
        let reply = client.call("data", json!({})).await.unwrap();
        assert_eq!(*reply.structured(), shown);
    }
}

/// A resource that is listed by a function.
#[resource("many://{number}", list = many)]
async fn one_of_many(number: u8) -> String {
    number.to_string()
}

fn many(_: Listing) -> Vec<ResourceLink> {
    vec![ResourceLink::new("many://1", "one")]
}

#[tokio::test]
async fn what_functions_list_follows_the_last_page() {
    let server = Server::new("paged", "1").page_size(1);
    let server = server.with(components![text, brief, one_of_many]);
    let client = server.connect().await;
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut params = json!({});
    loop {
        let page = client.request("resources/list", params).await.unwrap();
        let listed = page["resources"].as_array().unwrap();
        let uris = listed
            .iter()
            .map(|it| it["uri"].as_str().unwrap().to_owned());
        pages.push(uris.collect());
        match page.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => break,
        }
    }
    assert_eq!(
        pages,
        [vec!["cache://text"], vec!["cache://brief", "many://1"]]
    );
}

#[tokio::test]
async fn running_inside_of_a_runtime_says_what_to_call() {
    assert_eq!(
        format!(
            "{:?}",
            Server::new("inner", "1")
                .with(components![add])
                .run_from(Vec::<String>::new())
        ),
        format!("{:?}", std::process::ExitCode::FAILURE)
    );
}

#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Sure {
    #[allow(dead_code)] // only used as a form
    sure: bool,
}

/// Say which thread it began on, once a question is answered.
#[tool]
async fn whereabouts(text: String, context: Context) -> Result<String, ToolError> {
    let began = format!("{:?}", std::thread::current().id());
    let Sure { .. } = context.elicit(format!("{} bytes?", text.len())).await?;
    Ok(began)
}

/// Checking long arguments takes milliseconds, in which the reader must accept other messages.
#[tokio::test]
async fn long_arguments_are_checked_on_a_thread_of_their_own() {
    let here = format!("{:?}", std::thread::current().id());
    for revision in [Revision::LATEST, Revision::ALL[3]] {
        let server = Server::new("threads", "1").with(components![whereabouts]);
        let client = server
            .connect()
            .revision(revision)
            .answer_with(|_| json!({ "action": "accept", "content": { "sure": true } }));
        let client = client.await;
        for (length, is_here) in [(10, true), (100_000, false)] {
            let arguments = json!({ "text": "x".repeat(length) });
            let reply = client.call("whereabouts", arguments).await.unwrap();
            assert_eq!(reply.text() == here, is_here, "{revision:?} {reply:?}");
        }
    }
}

/// A pooled connection: it takes time to get one, and the pool may be empty.
struct Connection(u32);

struct Pool {
    left: std::sync::atomic::AtomicU32,
}

impl<'c> Param<'c> for Connection {
    fn extract(call: &'c Call, _: usize) -> Extraction<'c, Self> {
        Extraction::wait(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let pool = call.state::<Pool>().ok_or("there is no pool")?;
            let order = std::sync::atomic::Ordering::SeqCst;
            let taken = pool
                .left
                .fetch_update(order, order, |left| left.checked_sub(1));
            Ok(Self(taken.map_err(|_| "all connections are in use")?))
        })
    }
}

/// Use a connection.
#[tool]
async fn use_connection(text: &str, connection: Connection) -> String {
    format!("{text} {}", connection.0)
}

/// Use a connection on a thread.
#[tool]
fn use_connection_on_a_thread(text: &str, connection: Connection) -> String {
    format!("{text} {}", connection.0)
}

/// Use a connection in place.
#[tool(inline)]
fn use_connection_in_place(text: &str, connection: Connection) -> String {
    format!("{text} {}", connection.0)
}

#[tokio::test]
async fn a_parameter_may_wait_unless_its_function_cannot() {
    let left = 2.into();
    let tools = components![
        use_connection,
        use_connection_on_a_thread,
        use_connection_in_place
    ];
    let server = Server::new("pool", "1").with(tools).state(Pool { left });
    let client = server.connect().await;
    for (tool, is_error, expected) in [
        ("use_connection", false, "connection 2"),
        ("use_connection_on_a_thread", false, "connection 1"),
        (
            "use_connection",
            true,
            "Invalid request:\n- all connections are in use",
        ),
        (
            "use_connection_on_a_thread",
            true,
            "Invalid request:\n- all connections are in use",
        ),
        (
            "use_connection_in_place",
            true,
            "Invalid request:\n- a parameter has to wait, which an `inline` function cannot: remove `inline`",
        ),
    ] {
        let reply = client
            .call(tool, json!({ "text": "connection" }))
            .await
            .unwrap();
        assert_eq!(
            (reply.is_error(), reply.text().as_str()),
            (is_error, expected),
            "{tool}"
        );
    }
}
