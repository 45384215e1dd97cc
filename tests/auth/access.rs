//! Every method with every kind of caller.

use mcp_runtime::Revision;
use serde_json::{Value, json};

use crate::fixture::{ADA, BOB, ROOT, server};
use crate::http::{Client, ERAS, Reply, bearer, start};

/// A request, the scopes that it needs, and whether its component is hidden.
struct Case {
    method: &'static str,
    params: Value,
    needs: &'static [&'static str],
    is_hidden: bool,
    eras: &'static [Revision],
}

const LEGACY: &[Revision] = &[Revision::V2025_11_25];
const MODERN: &[Revision] = &[Revision::V2026_07_28];

fn case(method: &'static str, params: Value, needs: &'static [&'static str]) -> Case {
    Case {
        method,
        params,
        needs,
        is_hidden: false,
        eras: &ERAS,
    }
}

fn hidden(case: Case) -> Case {
    Case {
        is_hidden: true,
        ..case
    }
}

fn only(eras: &'static [Revision], case: Case) -> Case {
    Case { eras, ..case }
}

fn completion(reference: &Value) -> Value {
    json!({ "ref": reference, "argument": { "name": "day", "value": "" } })
}

fn cases() -> Vec<Case> {
    const READ: &[&str] = &["calendar:read"];
    const ADMIN: &[&str] = &["admin"];
    const PLAN: &[&str] = &["calendar:read", "plan"];
    let prompt = |name: &str| completion(&json!({ "type": "ref/prompt", "name": name }));
    let resource = |uri: &str| completion(&json!({ "type": "ref/resource", "uri": uri }));
    let get = |name: &str| json!({ "name": name, "arguments": { "day": "x" } });
    let listen = |uris: &[&str]| json!({ "notifications": { "resourceSubscriptions": uris } });
    vec![
        case("tools/list", json!({}), &[]),
        case("resources/list", json!({}), &[]),
        case("resources/templates/list", json!({}), &[]),
        case("prompts/list", json!({}), &[]),
        case("tools/call", json!({ "name": "open" }), &[]),
        case(
            "tools/call",
            json!({ "name": "add_event" }),
            &["calendar:read", "calendar:write"],
        ),
        hidden(case("tools/call", json!({ "name": "wipe" }), ADMIN)),
        case("resources/read", json!({ "uri": "calendar://today" }), READ),
        case("resources/read", json!({ "uri": "calendar-of://1" }), READ),
        hidden(case("resources/read", json!({ "uri": "key://1" }), ADMIN)),
        case("prompts/get", get("plan"), PLAN),
        hidden(case("prompts/get", get("conspire"), ADMIN)),
        case("completion/complete", prompt("plan"), PLAN),
        hidden(case("completion/complete", prompt("conspire"), ADMIN)),
        case("completion/complete", resource("calendar-of://{day}"), READ),
        only(LEGACY, case("ping", json!({}), &[])),
        only(
            LEGACY,
            case(
                "resources/subscribe",
                json!({ "uri": "calendar://today" }),
                READ,
            ),
        ),
        only(
            LEGACY,
            hidden(case(
                "resources/subscribe",
                json!({ "uri": "key://1" }),
                ADMIN,
            )),
        ),
        only(MODERN, case("server/discover", json!({}), &[])),
        only(MODERN, case("subscriptions/listen", listen(&[]), &[])),
        only(
            MODERN,
            case(
                "subscriptions/listen",
                listen(&["key://1", "none://1"]),
                &[],
            ),
        ),
        only(
            MODERN,
            case(
                "subscriptions/listen",
                listen(&["none://1", "calendar://today", "calendar-of://2"]),
                READ,
            ),
        ),
    ]
}

fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split(' ').collect();
    words.sort_unstable();
    words
}

fn is_served(reply: &Reply) -> bool {
    let message = reply.message();
    reply.status == 200 && message.get("error").is_none()
}

/// Checks a refusal of a caller without scopes.
fn check_challenge(reply: &Reply, case: &Case) {
    let place = format!("{} {}: {reply:?}", case.method, case.params);
    assert_eq!(reply.status, 403, "{place}");
    let challenge = reply.challenge();
    assert_eq!(challenge["error"], "insufficient_scope", "{place}");
    assert_eq!(words(&challenge["scope"]), case.needs, "{place}");
    assert_eq!(
        challenge["resource_metadata"],
        "http://localhost/.well-known/oauth-protected-resource/mcp"
    );
    let error = &reply.message()["error"];
    assert_eq!(error["code"], -32600, "{place}");
    assert_eq!(
        error["data"]["requiredScopes"],
        json!(case.needs),
        "{place}"
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn every_method_requires_authentication_and_the_scopes_of_its_component() {
    let address = start(server()).await;
    for case in cases() {
        for revision in case.eras {
            let client = Client::new(address, *revision, ROOT).await;
            let send = async |headers: &[(&str, String)]| {
                client
                    .request(case.method, case.params.clone(), headers)
                    .await
            };
            let place = format!("{revision:?} {} {}", case.method, case.params);
            let nobody = send(&[]).await;
            assert_eq!(nobody.status, 401, "{place}");
            assert_eq!(nobody.challenge().get("error"), None, "{place}");
            let stranger = send(&[bearer("unknown-token")]).await;
            assert_eq!(stranger.status, 401, "{place}");
            assert_eq!(stranger.challenge()["error"], "invalid_token", "{place}");
            let without_scopes = send(&[bearer(ADA)]).await;
            if case.is_hidden {
                assert!(!is_served(&without_scopes), "{place}");
                assert_eq!(without_scopes.header("www-authenticate"), None, "{place}");
                let error = &without_scopes.message()["error"];
                assert_eq!(error["data"].get("requiredScopes"), None, "{place}");
            } else if case.needs.is_empty() {
                assert!(is_served(&without_scopes), "{place}: {without_scopes:?}");
            } else {
                check_challenge(&without_scopes, &case);
            }
            let with_scopes = send(&[bearer(BOB)]).await;
            assert_eq!(
                is_served(&with_scopes),
                !case.is_hidden,
                "{place}: {with_scopes:?}"
            );
            let with_a_broader_one = send(&[bearer(ROOT)]).await;
            assert!(
                is_served(&with_a_broader_one),
                "{place}: {with_a_broader_one:?}"
            );
        }
    }
}

/// Returns the names, URIs and templates in all lists.
async fn listed(client: &Client, token: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (method, list, key) in [
        ("tools/list", "tools", "name"),
        ("resources/list", "resources", "uri"),
        (
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
        ),
        ("prompts/list", "prompts", "name"),
    ] {
        let reply = client.request(method, json!({}), &[bearer(token)]).await;
        let items = reply.message()["result"][list].take();
        let items = items.as_array().unwrap().clone();
        all.extend(items.iter().map(|it| it[key].as_str().unwrap().to_owned()));
    }
    all
}

#[tokio::test]
async fn components_with_scopes_are_listed_and_hidden_ones_are_not() {
    let address = start(server()).await;
    let open = ["open", "who", "read_headers", "add_event"];
    for revision in ERAS {
        let client = Client::new(address, revision, ADA).await;
        let rest = ["calendar://today", "calendar-of://{day}", "plan"];
        let shown = [&open[..], &rest].concat();
        assert_eq!(listed(&client, ADA).await, shown, "{revision:?}");
        // A function lists its resources to callers with the scopes of their template.
        let rest = [
            "calendar://today",
            "calendar-of://monday",
            "calendar-of://{day}",
            "plan",
        ];
        let shown = [&open[..], &rest].concat();
        assert_eq!(listed(&client, BOB).await, shown, "{revision:?}");
        let rest = [
            "wipe",
            "calendar://today",
            "key://1",
            "calendar-of://monday",
            "calendar-of://{day}",
            "plan",
            "conspire",
        ];
        let shown = [&open[..], &rest].concat();
        assert_eq!(listed(&client, ROOT).await, shown, "{revision:?}");
    }
}

#[tokio::test]
async fn a_hidden_component_looks_like_an_unknown_one() {
    let address = start(server()).await;
    for revision in ERAS {
        let client = Client::new(address, revision, ADA).await;
        for (method, key, name) in [
            ("tools/call", "name", "wipe"),
            ("prompts/get", "name", "conspire"),
            ("resources/read", "uri", "key://1"),
        ] {
            let send = async |name: &str| {
                let headers = [bearer(ADA)];
                let reply = client.request(method, json!({ key: name }), &headers).await;
                (reply.status, reply.body.replace(name, "*"))
            };
            assert_eq!(
                send(name).await,
                send("none://1").await,
                "{revision:?} {method}"
            );
        }
    }
}

#[tokio::test]
async fn a_member_of_a_batch_is_refused_on_its_own() {
    let address = start(server()).await;
    let client = Client::new(address, Revision::V2025_03_26, ADA).await;
    let call = |id: i64, name: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name } });
    let batch = json!([call(1, "open"), call(2, "add_event"), call(3, "wipe")]).to_string();
    assert_eq!(client.send(&batch, &[]).await.status, 401);
    let reply = client.send(&batch, &[bearer(ADA)]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut replies = reply.message().as_array().unwrap().clone();
    replies.sort_by_key(|reply| reply["id"].as_i64());
    assert_eq!(replies[0]["result"]["content"][0]["text"], "open");
    let needs = json!(["calendar:read", "calendar:write"]);
    assert_eq!(replies[1]["error"]["data"]["requiredScopes"], needs);
    let unknown = "Unknown tool: `wipe`";
    assert_eq!(replies[2]["error"]["message"], unknown);
}

/// The scopes that a caller keeps are those that mean something to this server.
#[tokio::test]
async fn a_challenge_repeats_the_granted_scopes_of_the_server() {
    let address = start(server()).await;
    for revision in ERAS {
        let client = Client::new(address, revision, ADA).await;
        let headers = [bearer("token-of-ada")];
        let reply = client
            .request("tools/call", json!({ "name": "add_event" }), &headers)
            .await;
        assert_eq!(reply.status, 403);
        let scopes = &reply.challenge()["scope"];
        assert_eq!(words(scopes), ["calendar:read", "calendar:write"]);
        let params = json!({ "name": "plan", "arguments": { "day": "x" } });
        let reply = client.request("prompts/get", params, &headers).await;
        assert_eq!(
            words(&reply.challenge()["scope"]),
            ["calendar:read", "plan"]
        );
    }
}

#[tokio::test]
async fn components_that_are_added_later_need_their_scopes() {
    use mcp_runtime::Tool;
    let server = server();
    let handle = server.handle();
    let address = start(server).await;
    let client = Client::new(address, Revision::V2026_07_28, ROOT).await;
    let tool = |name: &str| {
        Tool::new(name, json!({ "type": "object" }), |_: Value, _| async {
            "late"
        })
        .description("Is late.")
        .scope("late")
    };
    // The server has started when it answers.
    listed(&client, ROOT).await;
    handle.add(tool("late")).unwrap();
    handle.add(tool("later").hidden()).unwrap();
    let call = async |name: &str| {
        let params = json!({ "name": name });
        client.request("tools/call", params, &[bearer(ROOT)]).await
    };
    assert_eq!(call("late").await.status, 403);
    assert_eq!(call("later").await.message()["error"]["code"], -32602);
    for (tool, problem) in [
        (tool("x").scope("a b"), "`a b` is not a scope"),
        (tool("x").scope("offline_access"), "refresh token"),
    ] {
        let refused = handle.add(tool).unwrap_err().to_string();
        assert!(refused.contains(problem), "{refused}");
    }
}
