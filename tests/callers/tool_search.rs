//! Tool search: what is listed and found, and calls through `call_tool` beside direct calls, in each era and over each transport.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    CacheScope, Icon, LayeredCall, Next, ResponseCache, Revision, SchemaDialect, Tool, ToolSearch,
};
use mcp_tests::client::{Client, Connect as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::wires::{ALL, Caller, ERAS, Host, Over, Who, header};

#[derive(Serialize, JsonSchema)]
struct Invoice {
    customer: String,
    cents: u32,
}

/// Create an invoice for a customer.
#[tool]
async fn create_invoice(
    /// The name of the customer.
    customer: String,
    cents: u32,
) -> Json<Invoice> {
    Json(Invoice { customer, cents })
}

/// Cancel an invoice that nobody has paid.
#[tool(destructive)]
async fn cancel_invoice(number: u32) -> Result<String, ToolError> {
    Err(ToolError::new(format!("There is no invoice {number}")))
}

/// Delete all invoices.
#[tool(tags("secret"))]
async fn wipe_invoices() -> &'static str {
    "wiped"
}

/// Say how the server is used.
#[tool]
async fn help() -> &'static str {
    "help"
}

/// Return the region of a call.
#[tool]
async fn region_of(#[arg(header = "Region")] region: String) -> String {
    region
}

/// Import a file, and report the progress.
#[tool]
async fn import_file(context: Context) -> &'static str {
    context.progress(1, Some(2), Some("half"));
    "imported"
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Confirmed {
    sure: bool,
}

/// Archive the year, after the user has confirmed it.
#[tool]
async fn archive_year(year: u32, context: Context) -> Result<String, ToolError> {
    let Confirmed { sure } = context.elicit("Are you sure?").await?;
    Ok(format!("{year}: {sure}"))
}

fn server() -> Server {
    let tools = components![
        create_invoice,
        cancel_invoice,
        wipe_invoices,
        help,
        region_of,
        import_file,
        archive_year
    ];
    Server::new("office", "1.0.0")
        .with(tools)
        .tool_search(ToolSearch::new().always_visible(["help"]))
        .visible(|viewer, component| {
            !component.has_tag("secret") || viewer.header("x-root").is_some()
        })
}

fn names(tools: &Value) -> Vec<String> {
    let tools = tools.as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn listed(caller: &Caller) -> Vec<String> {
    names(&caller.request("tools/list", json!({})).await.unwrap()["tools"])
}

/// Returns the definitions that a search finds.
async fn found(caller: &Caller, arguments: Value) -> Value {
    let params = json!({ "name": "search_tools", "arguments": arguments });
    let result = caller.request("tools/call", params).await.unwrap();
    assert_ne!(result["isError"], true, "{result}");
    result["structuredContent"]["tools"].clone()
}

async fn found_names(caller: &Caller, query: &str) -> Vec<String> {
    names(&found(caller, json!({ "query": query })).await)
}

/// Returns the callers of all eras and transports, each with `true` if it sees all tools.
async fn callers() -> Vec<(Caller, bool)> {
    let mut callers = Vec::new();
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in ERAS {
            callers.push((host.caller(revision, Who::default()).await, false));
            if over == Over::Http {
                callers.push((host.caller(revision, header("x-root", "1")).await, true));
            }
        }
    }
    callers
}

#[tokio::test]
async fn clients_list_a_few_tools_and_find_those_that_they_see() {
    for (caller, sees_all) in callers().await {
        assert_eq!(listed(&caller).await, ["search_tools", "call_tool", "help"]);
        let mut expected = vec!["cancel_invoice", "create_invoice"];
        if sees_all {
            expected.push("wipe_invoices");
        }
        let mut all = found_names(&caller, "invoices").await;
        all.sort();
        assert_eq!(all, expected);
        assert_eq!(
            found_names(&caller, "cancelling an invoice").await[0],
            "cancel_invoice"
        );
        assert_eq!(
            found_names(&caller, "help with how it is used").await,
            ["help"]
        );
        assert_eq!(found_names(&caller, "search tools").await, [""; 0]);
    }
}

#[tokio::test]
async fn a_result_is_the_definition_of_the_list() {
    for (dialect, over) in [
        None,
        Some(SchemaDialect::Gemini),
        Some(SchemaDialect::OpenAi),
    ]
    .into_iter()
    .flat_map(|dialect| ALL.map(|over| (dialect, over)))
    {
        let with = |server: Server| match dialect {
            Some(dialect) => server.schema_dialect(dialect),
            None => server,
        };
        let icon = || Icon::new("https://example.com/icon.png");
        let more = || {
            let schema = json!({ "type": "object", "properties": { "at": { "type": ["integer", "null"] } } });
            let tool = Tool::new("more", schema, |_: Value, _: Context| async { "more" });
            tool.title("Invoice more")
                .icons(icon())
                .meta(json!({ "com.example/a": 1 }))
        };
        let plain = || Server::new("x", "1").with(components![create_invoice, cancel_invoice]);
        let searched = with(plain().with(more()).tool_search(ToolSearch::new()));
        let host = Host::of(searched, over).await;
        let list = Host::of(with(plain().with(more())), over).await;
        for revision in ERAS {
            let caller = host.caller(revision, Who::default()).await;
            let mut found = found(&caller, json!({ "query": "invoice" })).await;
            let list = list.caller(revision, Who::default()).await;
            let mut listed = list.request("tools/list", json!({})).await.unwrap()["tools"].take();
            for tools in [&mut found, &mut listed] {
                let tools = tools.as_array_mut().unwrap();
                tools.sort_by_key(|tool| tool["name"].to_string());
            }
            assert_eq!(found, listed, "{dialect:?} {revision:?}");
        }
    }
}

#[tokio::test]
async fn a_search_is_bounded() {
    for (caller, _) in callers().await {
        let limited = found(&caller, json!({ "query": "invoice", "limit": 1 })).await;
        assert_eq!(names(&limited).len(), 1);
        let longest = "é ".repeat(500);
        assert_eq!(found(&caller, json!({ "query": longest })).await, json!([]));
        for (arguments, part) in [
            (json!({ "query": format!("{longest}x") }), "1000"),
            (json!({ "query": "" }), "`query`"),
            (json!({}), "`query` is missing"),
            (json!({ "query": "x", "limit": 0 }), "`limit`"),
            (json!({ "query": "x", "limit": 51 }), "50"),
            (
                json!({ "query": "x", "count": 1 }),
                "unknown argument `count`",
            ),
        ] {
            let error = caller.call("search_tools", arguments).await.unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let none = caller
            .call("search_tools", json!({ "query": "zebra" }))
            .await;
        assert_eq!(none.unwrap(), "No tool matches these words: use other ones");
    }
}

/// Each call through `call_tool` has the result, or the error, of the direct call.
#[tokio::test]
async fn a_call_through_call_tool_is_the_call_itself() {
    for (caller, sees_all) in callers().await {
        for (name, arguments, is_ok) in [
            (
                "create_invoice",
                json!({ "customer": "Ada", "cents": 7 }),
                true,
            ),
            // A mistake that is repaired.
            (
                "create_invoice",
                json!({ "customer": "Ada", "cents": "7" }),
                true,
            ),
            (
                "create_invoice",
                json!({ "customer": "\u{0041}\"\\ü", "cents": 7 }),
                true,
            ),
            (
                "create_invoice",
                json!({ "customer": "Ada", "cents": -7 }),
                false,
            ),
            (
                "create_invoice",
                json!({ "customer": "Ada", "cent": 7 }),
                false,
            ),
            ("create_invoice", json!({}), false),
            ("cancel_invoice", json!({ "number": 7 }), false),
            ("wipe_invoices", json!({}), sees_all),
            ("help", json!({}), true),
            ("absent", json!({}), false),
        ] {
            let direct = json!({ "name": name, "arguments": arguments });
            let through = json!({ "name": "call_tool", "arguments": direct });
            let direct = caller.request("tools/call", direct).await;
            let through = caller.request("tools/call", through).await;
            assert_eq!(through, direct, "{name} {arguments}");
            let succeeded = direct.is_ok_and(|result| result["isError"] != true);
            assert_eq!(succeeded, is_ok, "{name} {arguments}");
        }
    }
}

#[tokio::test]
async fn arguments_of_call_tool_have_several_forms() {
    for (caller, _) in callers().await {
        for (arguments, expected) in [
            (json!({ "name": "help" }), Ok("help")),
            (json!({ "name": "help", "arguments": null }), Ok("help")),
            (json!({ "name": "help", "arguments": "{}" }), Ok("help")),
            (
                json!({ "name": "region_of", "arguments": "{\"region\":\"eu\"}" }),
                Ok("eu"),
            ),
            // Its headers are those of `call_tool`.
            (
                json!({ "name": "region_of", "arguments": { "region": "eu" } }),
                Ok("eu"),
            ),
            (json!({ "arguments": {} }), Err("`name` is missing")),
            (json!({ "name": 7, "arguments": {} }), Err("`name`")),
            (
                json!({ "name": "help", "arguments": [] }),
                Err("`arguments`"),
            ),
            (
                json!({ "name": "help", "argument": {} }),
                Err("unknown argument `argument`"),
            ),
            (
                json!({ "name": "call_tool", "arguments": { "name": "help" } }),
                Err("call `call_tool` itself"),
            ),
            (
                json!({ "name": "search_tools", "arguments": { "query": "x" } }),
                Err("call `search_tools` itself"),
            ),
        ] {
            let result = caller.call("call_tool", arguments.clone()).await;
            match (result, expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{arguments}"),
                (Err(text), Err(part)) => assert!(text.contains(part), "{arguments}: {text}"),
                (result, _) => panic!("{arguments}: {result:?}"),
            }
        }
    }
}

/// Arguments in the form of a dialect are turned back, those of `call_tool` and those of the tool.
#[tokio::test]
async fn arguments_have_the_form_of_the_dialect() {
    for revision in ERAS {
        let server = server().schema_dialect(SchemaDialect::OpenAi);
        let client = server.connect().revision(revision).await;
        for arguments in [json!({ "region": "eu" }), json!("{\"region\":\"eu\"}")] {
            let call = json!({ "name": "region_of", "arguments": arguments });
            assert_eq!(client.call("call_tool", call).await.unwrap().text(), "eu");
        }
    }
}

async fn client(revision: Revision) -> Client {
    let client = server().connect().revision(revision);
    let client = client.answer_with(|question| {
        assert_eq!(question["params"]["message"], "Are you sure?");
        json!({ "action": "accept", "content": { "sure": true } })
    });
    client.await
}

#[tokio::test]
async fn a_tool_asks_and_reports_progress_through_call_tool() {
    for revision in ERAS {
        let client = client(revision).await;
        let call = json!({ "name": "archive_year", "arguments": { "year": 2025 } });
        assert_eq!(
            client.call("call_tool", call).await.unwrap().text(),
            "2025: true"
        );
        let params = json!({
            "name": "call_tool",
            "arguments": { "name": "import_file" },
            "_meta": { "progressToken": "token" },
        });
        client.request("tools/call", params).await.unwrap();
        let sent = client.take_notifications();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0]["params"]["progressToken"], "token");
        assert_eq!(sent[0]["params"]["message"], "half");
    }
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_through_call_tool_is_cancelled() {
    for revision in ERAS {
        let dropped = Arc::<AtomicUsize>::default();
        let guard = Arc::clone(&dropped);
        let wait = move |_: Value, _: Context| {
            let guard = Dropped(Arc::clone(&guard));
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }
        };
        let wait = Tool::new("wait", json!({ "type": "object" }), wait);
        let server = Server::new("x", "1")
            .with(wait)
            .tool_search(ToolSearch::new());
        let client = server.connect().revision(revision).await;
        let call = client.call("call_tool", json!({ "name": "wait" }));
        assert!(
            tokio::time::timeout(Duration::from_millis(50), call)
                .await
                .is_err()
        );
        for _ in 0..200 {
            if dropped.load(Ordering::SeqCst) == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn layers_see_the_tool_and_its_arguments() {
    let server = server().layer(|call: LayeredCall, next: Next| async move {
        assert_ne!(call.name(), "call_tool");
        if call.name() == "create_invoice" {
            assert_eq!(call.arguments()["customer"], "Ada");
        }
        next.run().await
    });
    let client = server.connect().await;
    let call = json!({ "name": "create_invoice", "arguments": { "customer": "Ada", "cents": 1 } });
    assert!(!client.call("call_tool", call).await.unwrap().is_error());
}

/// A cache that keeps results for everybody must not keep what one caller has found.
#[tokio::test]
async fn a_search_is_never_kept_for_others() {
    let cache = ResponseCache::new().results(Duration::from_secs(60), CacheScope::Public);
    let host = Host::of(server().layer(cache), Over::Http).await;
    for revision in ERAS {
        for (who, count) in [(header("x-root", "1"), 3), (Who::default(), 2)] {
            let caller = host.caller(revision, who).await;
            assert_eq!(found_names(&caller, "invoices").await.len(), count);
        }
    }
}

fn added(name: &str) -> Tool {
    Tool::new(
        name,
        json!({ "type": "object" }),
        |_: Value, _: Context| async { "zebra" },
    )
    .description("Draw a zebra.")
}

/// Tools are found as soon as they are added. Clients are told only if their list has changed.
#[tokio::test]
async fn changes_at_run_time_are_found_at_once() {
    for (over, revision) in ALL
        .into_iter()
        .flat_map(|over| ERAS.map(|revision| (over, revision)))
    {
        let server = server();
        let handle = server.handle();
        let host = Host::of(server, over).await;
        let caller = host.caller(revision, Who::default()).await;
        caller
            .listen(json!({ "toolsListChanged": true, "promptsListChanged": true }))
            .await;
        assert_eq!(found_names(&caller, "zebra").await, [""; 0]);
        handle.add(added("draw_zebra")).unwrap();
        assert_eq!(found_names(&caller, "zebra").await, ["draw_zebra"]);
        assert_eq!(
            caller
                .call("call_tool", json!({ "name": "draw_zebra" }))
                .await
                .unwrap(),
            "zebra"
        );
        assert_eq!(caller.call("draw_zebra", json!({})).await.unwrap(), "zebra");
        assert_eq!(listed(&caller).await.len(), 3);
        assert!(handle.remove_tool("draw_zebra"));
        assert_eq!(found_names(&caller, "zebra").await, [""; 0]);
        assert!(!handle.remove_tool("call_tool") && !handle.remove_tool("search_tools"));
        let error = handle.add(added("call_tool")).unwrap_err().to_string();
        assert!(error.contains("a tool is called `call_tool`"), "{error}");
        // None of this was told; the change of a tool that is listed is.
        assert!(handle.remove_tool("help"));
        let told = caller
            .changes_until("notifications/tools/list_changed")
            .await;
        assert_eq!(told, ["tools"], "{over:?} {revision:?}");
        assert_eq!(listed(&caller).await, ["search_tools", "call_tool"]);
    }
}

#[tokio::test]
async fn mistakes_are_found_when_the_server_is_built() {
    let search = |names: &[&str]| ToolSearch::new().always_visible(names.iter().copied());
    for (server, problem) in [
        (
            server().with(added("search_tools")),
            "a tool is called `search_tools`, as a tool of `Server::tool_search` is: rename it",
        ),
        (
            server().tool_search(search(&["hlep"])),
            "`always_visible` of the tool search names `hlep`, and the server has no such tool: did you mean `help`?",
        ),
        (
            server().tool_search(search(&["x"])),
            "names `x`, and the server has no such tool: add the tool, or remove the name",
        ),
    ] {
        let error = server.start().await.err().unwrap().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// Without the option, the names belong to the server.
#[tokio::test]
async fn a_server_without_search_lists_all() {
    let tools = [added("call_tool"), added("search_tools")];
    let server = tools.into_iter().fold(Server::new("x", "1"), Server::with);
    let client = server.connect().await;
    assert_eq!(client.tools().await.unwrap().len(), 2);
    let call = json!({ "name": "search_tools", "arguments": {} });
    assert_eq!(
        client.call("call_tool", call).await.unwrap().text(),
        "zebra"
    );
}

/// The command line knows all tools, and has no findings about the two of the search.
#[tokio::test]
async fn the_checks_of_a_server_with_search_are_those_of_all_tools() {
    let tools = || Server::new("office", "1.0.0").with(components![create_invoice, help]);
    let findings = async |server: Server| {
        let found = server.check().await.unwrap();
        let texts = found.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>()
    };
    let all = findings(tools()).await;
    assert!(
        all.iter().any(|finding| finding.contains("`cents`")),
        "{all:?}"
    );
    assert_eq!(findings(tools().tool_search(ToolSearch::new())).await, all);
}
