//! The components that a caller sees: lists, calls, completions, reads, subscriptions and notifications.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    CacheScope, ComponentKind, ComponentView, Components, Headers, LayeredCall, Next, Principal,
    Prompt, Resource, ResourceLink, ResponseCache, Revision, Tool, Viewer,
};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::{ALL, Caller, ERAS, Host, Over, Who, header, principal};

/// Tell all listeners of every change.
#[tool]
async fn announce(context: Context) {
    let notify = context.notify();
    for uri in [
        "open://1",
        "secret://1",
        "open-of://1",
        "secret-of://1",
        "unknown://1",
    ] {
        notify.resource_updated(uri);
    }
    notify.prompts_changed();
    notify.resources_changed();
    notify.tools_changed();
}

/// Is seen by all.
#[tool]
async fn open_tool() -> &'static str {
    "open"
}

/// Is not seen by all.
#[tool(tags("secret"))]
async fn secret_tool() -> &'static str {
    "secret"
}

/// Is seen by all.
#[prompt]
async fn open_prompt(#[arg(complete = words)] it: String) -> String {
    it
}

/// Is not seen by all.
#[prompt(tags("other", "secret"))]
async fn secret_prompt(#[arg(complete = words)] it: String) -> String {
    it
}

async fn words() -> Vec<&'static str> {
    vec!["word"]
}

/// Is seen by all.
#[resource("open://1")]
async fn open_resource() -> &'static str {
    "open"
}

/// Is not seen by all.
#[resource("secret://1", tags("secret"))]
async fn secret_resource() -> &'static str {
    "secret"
}

/// Is seen by all.
#[resource("open-of://{it}", list = links)]
async fn open_template(#[arg(complete = words)] it: String) -> String {
    it
}

/// Is not seen by all.
#[resource("secret-of://{it}", list = secret_links, tags("secret"))]
async fn secret_template(#[arg(complete = words)] it: String) -> String {
    it
}

async fn links() -> Vec<ResourceLink> {
    vec![
        ResourceLink::new("open-of://1", "one"),
        // The concrete resource is not seen by all.
        ResourceLink::new("secret://1", "secret"),
        ResourceLink::new("elsewhere://1", "elsewhere"),
    ]
}

async fn secret_links() -> Vec<ResourceLink> {
    vec![ResourceLink::new("secret-of://1", "one")]
}

fn is_seen(viewer: &Viewer<'_>, component: &ComponentView<'_>) -> bool {
    let is_admin = viewer.header("x-role") == Some("admin")
        || viewer
            .principal()
            .is_some_and(|principal| principal.id() == "root");
    is_admin || !component.has_tag("secret")
}

fn server() -> Server {
    Server::new("x", "1")
        .with(components![
            announce,
            open_tool,
            secret_tool,
            open_prompt,
            secret_prompt,
            open_resource,
            secret_resource,
            open_template,
            secret_template
        ])
        .visible(is_seen)
}

/// The callers of all transports, each with `true` if it sees all components.
async fn callers(revision: Revision) -> Vec<(Caller, bool)> {
    let mut callers = Vec::new();
    for over in ALL {
        let host = Host::of(server(), over).await;
        callers.push((host.caller(revision, Who::default()).await, false));
        if over == Over::Http {
            for who in [header("X-Role", "guest"), principal("user")] {
                callers.push((host.caller(revision, who).await, false));
            }
            for who in [header("X-Role", "admin"), principal("root")] {
                callers.push((host.caller(revision, who).await, true));
            }
        }
    }
    callers
}

async fn names(caller: &Caller, method: &str, member: &str, key: &str) -> Vec<String> {
    let result = caller.request(method, json!({})).await.unwrap();
    let items = result[member].as_array().unwrap().iter();
    items
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn lists_have_what_the_caller_sees() {
    for revision in ERAS {
        for (caller, sees_all) in callers(revision).await {
            for (method, member, key, all) in [
                (
                    "tools/list",
                    "tools",
                    "name",
                    &["announce", "open_tool", "secret_tool"][..],
                ),
                (
                    "prompts/list",
                    "prompts",
                    "name",
                    &["open_prompt", "secret_prompt"],
                ),
                (
                    "resources/list",
                    "resources",
                    "uri",
                    &[
                        "open://1",
                        "secret://1",
                        "open-of://1",
                        "secret://1",
                        "elsewhere://1",
                        "secret-of://1",
                    ],
                ),
                (
                    "resources/templates/list",
                    "resourceTemplates",
                    "uriTemplate",
                    &["open-of://{it}", "secret-of://{it}"],
                ),
            ] {
                let seen = all
                    .iter()
                    .filter(|name| sees_all || !name.contains("secret"));
                let seen: Vec<_> = seen.map(|name| (*name).to_owned()).collect();
                let listed = names(&caller, method, member, key).await;
                assert_eq!(listed, seen, "{revision:?} {method}");
            }
        }
    }
}

/// The requests for a component of each kind, whose name or URI begins with this word.
fn requests(word: &str) -> Vec<(&'static str, Value)> {
    let argument = json!({ "name": "it", "value": "" });
    let of_prompt = json!({ "type": "ref/prompt", "name": format!("{word}_prompt") });
    let of_template = json!({ "type": "ref/resource", "uri": format!("{word}-of://{{it}}") });
    let of_uri = json!({ "type": "ref/resource", "uri": format!("{word}-of://1") });
    let get = json!({ "name": format!("{word}_prompt"), "arguments": { "it": "x" } });
    vec![
        (
            "tools/call",
            json!({ "name": format!("{word}_tool"), "arguments": {} }),
        ),
        ("prompts/get", get),
        ("resources/read", json!({ "uri": format!("{word}://1") })),
        ("resources/read", json!({ "uri": format!("{word}-of://1") })),
        (
            "completion/complete",
            json!({ "ref": of_prompt, "argument": argument }),
        ),
        (
            "completion/complete",
            json!({ "ref": of_template, "argument": argument }),
        ),
        (
            "completion/complete",
            json!({ "ref": of_uri, "argument": argument }),
        ),
        (
            "resources/subscribe",
            json!({ "uri": format!("{word}://1") }),
        ),
        (
            "resources/subscribe",
            json!({ "uri": format!("{word}-of://1") }),
        ),
    ]
}

#[tokio::test]
async fn a_hidden_component_is_an_unknown_one() {
    for revision in ERAS {
        for (caller, sees_all) in callers(revision).await {
            let pairs = requests("secret").into_iter().zip(requests("absent"));
            let pairs = pairs.zip(requests("open"));
            for (((method, secret), (_, absent)), (_, open)) in pairs {
                if method == "resources/subscribe" && revision == Revision::LATEST {
                    continue;
                }
                let what = format!("{revision:?} {method} {secret}");
                let secret = caller.request(method, secret).await;
                let absent = caller.request(method, absent).await;
                assert!(caller.request(method, open).await.is_ok(), "{what}");
                if sees_all {
                    assert!(secret.is_ok(), "{what}: {secret:?}");
                    continue;
                }
                let (code, message) = secret.expect_err(&what);
                let (other_code, other_message) = absent.unwrap_err();
                let as_absent = message.replace("secret", "absent");
                assert_eq!((code, as_absent), (other_code, other_message), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn updates_are_for_those_who_see_the_resource() {
    let uris = [
        "open://1",
        "secret://1",
        "open-of://1",
        "secret-of://1",
        "unknown://1",
    ];
    for revision in ERAS {
        for (caller, sees_all) in callers(revision).await {
            if revision == Revision::LATEST {
                let filter = json!({ "resourceSubscriptions": uris, "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true });
                caller.listen(filter).await;
            } else {
                for uri in uris {
                    let subscribed = caller
                        .request("resources/subscribe", json!({ "uri": uri }))
                        .await;
                    let is_known = uri != "unknown://1" && (sees_all || !uri.contains("secret"));
                    assert_eq!(subscribed.is_ok(), is_known, "{revision:?} {uri}");
                }
                caller.listen(Value::Null).await;
            }
            caller.call("announce", json!({})).await.unwrap();
            let heard = caller
                .changes_until("notifications/tools/list_changed")
                .await;
            let expected = uris
                .iter()
                .filter(|uri| sees_all || !uri.contains("secret"));
            // Nothing hides what the server does not have, but a session cannot subscribe to it.
            let is_possible = |uri: &&&str| revision == Revision::LATEST || **uri != "unknown://1";
            let expected: Vec<_> = expected.filter(is_possible).copied().collect();
            assert_eq!(
                heard,
                [expected, vec!["prompts", "resources", "tools"]].concat(),
                "{revision:?} {sees_all}"
            );
        }
    }
}

#[tokio::test]
async fn a_listener_who_may_no_longer_see_a_resource_hears_no_more_of_it() {
    static ALLOWED: AtomicUsize = AtomicUsize::new(1);
    for over in ALL {
        for revision in ERAS {
            ALLOWED.store(1, Ordering::SeqCst);
            let server = Server::new("x", "1").with(components![announce, open_resource]);
            let server = server.visible(|_, component| {
                component.kind() != ComponentKind::Resource || ALLOWED.load(Ordering::SeqCst) == 1
            });
            let host = Host::of(server, over).await;
            let caller = host.caller(revision, Who::default()).await;
            if revision == Revision::LATEST {
                let filter =
                    json!({ "resourceSubscriptions": ["open://1"], "toolsListChanged": true });
                caller.listen(filter).await;
            } else {
                let uri = json!({ "uri": "open://1" });
                caller.request("resources/subscribe", uri).await.unwrap();
                caller.listen(Value::Null).await;
            }
            for (allowed, expected) in [(1, vec!["open://1", "tools"]), (0, vec!["tools"])] {
                ALLOWED.store(allowed, Ordering::SeqCst);
                caller.call("announce", json!({})).await.unwrap();
                let mut heard = caller
                    .changes_until("notifications/tools/list_changed")
                    .await;
                // A session is told of all lists.
                heard.retain(|change| !["prompts", "resources"].contains(&change.as_str()));
                assert_eq!(heard, expected, "{over:?} {revision:?}");
            }
        }
    }
}

/// A component of each kind.
fn of_each_kind(tag: &str) -> Components {
    let schema = json!({ "type": "object" });
    let read = |_: Value, _: Context| async { "x" };
    let mut all = Components::default();
    all.add(Tool::new("added", schema, |_: Value, _: Context| async {}).tag(tag));
    all.add(Prompt::new("added", [], |_: Value, _: Context| async { "x" }).tag(tag));
    all.add(Resource::new("added://1", "added", read).tag(tag));
    all.add(Resource::new("added-of://{it}", "added", read).tag(tag));
    all
}

#[tokio::test]
async fn changes_of_lists_are_for_those_who_see_what_was_added_or_removed() {
    for revision in ERAS {
        for (name, sees_all) in [("user", false), ("root", true)] {
            let server = server();
            let handle = server.handle();
            let host = Host::of(server, Over::Http).await;
            let caller = host.caller(revision, principal(name)).await;
            if revision == Revision::LATEST {
                let filter = json!({ "resourceSubscriptions": ["open://1"], "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true });
                caller.listen(filter).await;
            } else {
                let uri = json!({ "uri": "open://1" });
                caller.request("resources/subscribe", uri).await.unwrap();
                caller.listen(Value::Null).await;
            }
            for (tag, is_seen) in [("secret", sees_all), ("open", true)] {
                handle.add(of_each_kind(tag)).unwrap();
                assert!(handle.remove_tool("added") && handle.remove_prompt("added"));
                assert!(handle.remove_resource("added://1"));
                assert!(handle.remove_resource("added-of://{it}"));
                handle.notify().unwrap().resource_updated("open://1");
                let mut heard = caller
                    .changes_until("notifications/resources/updated")
                    .await;
                heard.sort();
                // Both resources are added in one change and removed in two.
                let lists = [
                    "prompts",
                    "prompts",
                    "resources",
                    "resources",
                    "resources",
                    "tools",
                    "tools",
                ];
                let lists = if is_seen { &lists[..] } else { &[] };
                let expected = [&["open://1"], lists].concat();
                assert_eq!(heard, expected, "{revision:?} {name} {tag}");
            }
        }
    }
}

fn numbered(number: usize) -> (Tool, Prompt, Resource, Resource) {
    let name = format!("n{number:02}");
    let schema = json!({ "type": "object" });
    (
        Tool::new(&name, schema, |_: Value, _: Context| async {}),
        Prompt::new(&name, [], |_: Value, _: Context| async { "x" }),
        Resource::new(format!("{name}://x"), &name, |_: Value, _: Context| async {
            "x"
        }),
        Resource::new(
            format!("{name}://{{x}}"),
            &name,
            |_: Value, _: Context| async { "x" },
        ),
    )
}

#[tokio::test]
async fn pages_have_their_size_and_miss_nothing() {
    for revision in ERAS {
        for hidden in 2..5 {
            let mut server = Server::new("x", "1").page_size(3);
            for number in 0..23 {
                let (tool, prompt, resource, template) = numbered(number);
                server = server.with(tool).with(prompt).with(resource).with(template);
            }
            let is_seen = move |name: &str| name[1..3].parse::<usize>().unwrap() % hidden != 0;
            let client = server
                .cache(Duration::from_secs(60), CacheScope::Public)
                .visible(move |_, component| is_seen(component.name()))
                .connect()
                .revision(revision)
                .await;
            for (method, member) in [
                ("tools/list", "tools"),
                ("prompts/list", "prompts"),
                ("resources/list", "resources"),
                ("resources/templates/list", "resourceTemplates"),
            ] {
                let (mut pages, mut params) = (Vec::new(), json!({}));
                loop {
                    let page = client.request(method, params).await.unwrap();
                    if revision == Revision::LATEST {
                        assert_eq!(page["cacheScope"], "private", "{method}");
                        assert_eq!(page["ttlMs"], 60_000, "{method}");
                    }
                    let items = page[member].as_array().unwrap();
                    let names = items
                        .iter()
                        .map(|it| it["name"].as_str().unwrap().to_owned());
                    pages.push(names.collect::<Vec<_>>());
                    match page.get("nextCursor") {
                        Some(cursor) => params = json!({ "cursor": cursor }),
                        None => break,
                    }
                }
                let expected = (0..23).map(|number| format!("n{number:02}"));
                let expected: Vec<_> = expected.filter(|name| is_seen(name)).collect();
                let expected: Vec<_> = expected.chunks(3).map(<[String]>::to_vec).collect();
                assert_eq!(pages, expected, "{revision:?} {hidden} {method}");
            }
        }
    }
}

#[tokio::test]
async fn a_cache_of_responses_shows_no_list_to_another_caller() {
    let server = server()
        .cache(Duration::from_secs(60), CacheScope::Public)
        .layer(ResponseCache::new());
    let host = Host::of(server, Over::Http).await;
    for revision in ERAS {
        for (name, count) in [("root", 3), ("user", 2), ("root", 3), ("user", 2)] {
            let caller = host.caller(revision, principal(name)).await;
            let tools = names(&caller, "tools/list", "tools", "name").await;
            assert_eq!(tools.len(), count, "{revision:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_list_that_a_layer_changes_is_not_shared() {
    for replaces in [false, true] {
        let server = Server::new("x", "1").with(components![open_tool, secret_tool]);
        let server = server.layer(move |call: LayeredCall, next: Next| async move {
            let mut outcome = next.run().await;
            if replaces {
                return call.list(outcome.definitions());
            }
            outcome.retain_definitions(|tool| tool["name"] == "open_tool");
            outcome
        });
        let client = server.connect().await;
        let list = client.request("tools/list", json!({})).await.unwrap();
        assert_eq!(list["cacheScope"], "private", "{replaces}");
    }
}

#[tokio::test]
async fn without_a_rule_lists_are_public() {
    let client = Server::new("x", "1")
        .with(components![open_tool])
        .connect()
        .await;
    let list = client.request("tools/list", json!({})).await.unwrap();
    assert_eq!(list["cacheScope"], "public");
}

#[tokio::test]
async fn a_rule_sees_the_caller_and_the_component() {
    for revision in ERAS {
        let client = Server::new("x", "1")
            .with(components![open_tool, secret_prompt, open_template])
            .state(7_u8)
            .visible(move |viewer, component| {
                assert_eq!(viewer.client().name, "mcp-runtime client");
                assert_eq!(viewer.revision(), revision);
                assert_eq!(viewer.principal().map(Principal::id), Some("ada"));
                assert_eq!(viewer.header("X-Tenant"), Some("acme"));
                assert_eq!(viewer.state::<u8>().as_deref(), Some(&7));
                assert_eq!(viewer.session_id().is_some(), revision != Revision::LATEST);
                assert!(viewer.peer_address().is_none() && !viewer.client_capabilities().roots);
                let tags: Vec<_> = component.tags().collect();
                let (name, expected): (_, &[&str]) = match component.kind() {
                    ComponentKind::Tool => ("open_tool", &[]),
                    ComponentKind::Prompt => ("secret_prompt", &["other", "secret"]),
                    _ => ("open-of://{it}", &[]),
                };
                assert_eq!((component.name(), &tags[..]), (name, expected));
                true
            })
            .connect()
            .revision(revision)
            .principal(Principal::new("ada"))
            .header("X-Tenant", "acme")
            .await;
        assert_eq!(client.tools().await.unwrap().len(), 1);
        assert_eq!(client.prompts().await.unwrap().len(), 1);
        assert_eq!(client.resource_templates().await.unwrap().len(), 1);
        assert!(client.call("open_tool", json!({})).await.is_ok());
    }
}

/// Depends on the caller.
#[tool]
async fn tenant(headers: Headers) -> Option<String> {
    headers.get("x-tenant").map(str::to_owned)
}

#[tokio::test]
async fn all_rules_must_allow_a_component() {
    let client = Server::new("x", "1")
        .with(components![open_tool, secret_tool, tenant])
        .visible(|_, component| component.name() != "tenant")
        .visible(|_, component| !component.has_tag("secret"))
        .connect()
        .await;
    let tools = client.tools().await.unwrap();
    assert_eq!((tools.len(), &tools[0]["name"]), (1, &json!("open_tool")));
    // A kind of which a caller sees nothing is still a kind of the server.
    let nothing = Server::new("x", "1")
        .with(components![open_tool])
        .visible(|_, _| false);
    let client = nothing.connect().await;
    assert!(client.tools().await.unwrap().is_empty());
    let unknown = client.call("open_tool", json!({})).await.unwrap_err();
    assert_eq!(unknown.to_string(), "Unknown tool: `open_tool` (-32602)");
}

#[tokio::test]
async fn a_hidden_template_hides_no_other_one() {
    let template = |uri: &str, name: &'static str| {
        Resource::new(uri, name, move |_: Value, _: Context| async move { name })
    };
    let server = Server::new("x", "1")
        .with(template("x://1", "hidden-concrete"))
        .with(template("x://{a}", "hidden-template"))
        .with(template("x://{b}", "seen"));
    let server = server.visible(|_, component| component.name() == "x://{b}");
    let client = server.connect().await;
    assert_eq!(client.read("x://1").await.unwrap()[0]["text"], "seen");
}

#[tokio::test]
async fn a_hidden_template_does_not_list_its_resources() {
    let fail = || async { Err::<Vec<ResourceLink>, _>(ToolError::new("the function was called")) };
    for hidden in [false, true] {
        let template = Resource::new("x://{x}", "x", |_: Value, _: Context| async { "x" });
        let server = Server::new("x", "1").with(template.list(fail));
        let client = server.visible(move |_, _| !hidden).connect().await;
        assert_eq!(client.resources().await.is_ok(), hidden);
    }
}

#[tokio::test]
async fn a_rule_that_panics_shows_nothing() {
    for over in ALL {
        for revision in ERAS {
            let server = Server::new("x", "1").with(components![announce, open_resource]);
            let server = server.visible(|_, component| {
                assert!(component.kind() == ComponentKind::Tool, "a secret");
                true
            });
            let host = Host::of(server, over).await;
            let caller = host.caller(revision, Who::default()).await;
            for method in ["resources/read", "resources/list"] {
                let (code, message) = caller
                    .request(method, json!({ "uri": "open://1" }))
                    .await
                    .unwrap_err();
                assert_eq!(code, -32603, "{message}");
                assert!(!message.contains("secret"), "{message}");
            }
            if revision == Revision::LATEST {
                let filter =
                    json!({ "resourceSubscriptions": ["open://1"], "toolsListChanged": true });
                caller.listen(filter).await;
                caller.call("announce", json!({})).await.unwrap();
                let heard = caller
                    .changes_until("notifications/tools/list_changed")
                    .await;
                assert_eq!(heard, ["tools"]);
            }
        }
    }
}
