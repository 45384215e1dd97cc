//! What is forwarded to an upstream server and back: through a bridge, everything is as at the server itself.

use std::time::Duration;

use mcp_runtime::{ClientError, Revision, Server};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

use super::extras;
use super::peer::{Peer, text, until};
use super::places::{ALL, ERAS, Over, gateway, upstream};

/// A client of the server itself, and one of a bridge to it.
async fn both(over: Over, of_upstream: Revision, of_client: Revision) -> (Client, Client) {
    let direct = extras::server().connect().revision(of_client).await;
    let bridge = Server::from(upstream(over, of_upstream).await);
    (direct, bridge.connect().revision(of_client).await)
}

fn combinations() -> impl Iterator<Item = (Over, Revision, Revision)> {
    let upstreams = ALL
        .into_iter()
        .flat_map(|over| ERAS.map(|upstream| (over, upstream)));
    upstreams.flat_map(|(over, upstream)| ERAS.map(|client| (over, upstream, client)))
}

fn sorted(list: Result<Vec<Value>, ClientError>) -> Vec<Value> {
    let mut list = list.unwrap();
    list.sort_by_key(|item| {
        let key = ["name", "uri", "uriTemplate"]
            .map(|key| item[key].as_str().unwrap_or_default().to_owned());
        key.concat()
    });
    list
}

#[tokio::test]
async fn definitions_are_those_of_the_server() {
    for (over, of_upstream, of_client) in combinations() {
        let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
        let (direct, bridge) = both(over, of_upstream, of_client).await;
        let pairs = [
            (sorted(direct.tools().await), sorted(bridge.tools().await)),
            (
                sorted(direct.prompts().await),
                sorted(bridge.prompts().await),
            ),
            (
                sorted(direct.resources().await),
                sorted(bridge.resources().await),
            ),
            (
                sorted(direct.resource_templates().await),
                sorted(bridge.resource_templates().await),
            ),
        ];
        for (of_server, of_bridge) in pairs {
            for (one, other) in of_server.iter().zip(&of_bridge) {
                assert_eq!(one, other, "{case}");
            }
            assert_eq!(of_server.len(), of_bridge.len(), "{case}");
        }
    }
}

/// Requests, each with its result at the server itself.
fn requests() -> Vec<(&'static str, Value)> {
    let report = json!({
        "title": "t", "points": [{ "x": 1, "y": 2.5 }], "unit": "metric", "remark": null
    });
    let mut requests: Vec<(&str, Value)> = [
        ("echo_owned", json!({ "text": "ä\n\u{1F600}\"" })),
        ("optional", json!({ "number": 1, "type": "x" })),
        ("report", json!({ "report": report })),
        (
            "anything",
            json!({ "value": { "big": 12_345_678_901_234_567_890_u64, "list": [null] } }),
        ),
        ("half", json!({ "number": 3.0 })),
        ("not_a_number", json!({})),
        ("nothing", json!({})),
        ("perhaps", json!({ "yes": false })),
        ("picture", json!({})),
        ("sound", json!({})),
        ("link", json!({})),
        ("mixed", json!({})),
        ("several", json!({})),
        ("fails", json!({})),
        ("fails_politely", json!({})),
        ("foreign", json!({})),
        ("stream", json!({ "count": 3 })),
        ("stream_fails", json!({})),
        ("exact", json!({ "number": "1" })),
        ("lenient", json!({ "known": 1, "unknown": 2 })),
        (
            "routed",
            json!({ "region": "ö", "size": 3, "place": { "level": 2 } }),
        ),
        ("no_such_tool", json!({})),
    ]
    .into_iter()
    .map(|(name, arguments)| {
        (
            "tools/call",
            json!({ "name": name, "arguments": arguments }),
        )
    })
    .collect();
    for uri in [
        "text://readme",
        "bytes://logo",
        "data://numbers",
        "echo://a%20b",
        "path:///a/b/c",
        "users://7/posts?limit=3&tags=a&tags=b",
        "absent://x",
        "broken://it",
        "nowhere://x",
    ] {
        requests.push(("resources/read", json!({ "uri": uri })));
    }
    for (name, arguments) in [
        ("greet", json!({ "name": "Ada", "times": "2" })),
        ("greet", json!({})),
        ("talk", json!({})),
        ("speechless", json!({})),
        ("no_such_prompt", json!({})),
    ] {
        requests.push((
            "prompts/get",
            json!({ "name": name, "arguments": arguments }),
        ));
    }
    for value in ["", "name-any-00", "zzz"] {
        let argument = json!({ "name": "name", "value": value });
        let reference = json!({ "type": "ref/prompt", "name": "greet" });
        requests.push((
            "completion/complete",
            json!({ "ref": reference, "argument": argument }),
        ));
        let context = json!({ "arguments": { "times": "7" } });
        requests.push((
            "completion/complete",
            json!({ "ref": reference, "argument": argument, "context": context }),
        ));
    }
    requests
}

#[tokio::test]
async fn results_are_those_of_the_server() {
    for (over, of_upstream, of_client) in combinations() {
        let (direct, bridge) = both(over, of_upstream, of_client).await;
        for (method, params) in requests() {
            let expected = direct.request(method, params.clone()).await;
            let forwarded = bridge.request(method, params.clone()).await;
            let case = format!("{over:?}, {of_upstream:?}, {of_client:?}: {params}");
            match (expected, forwarded) {
                (Ok(mut expected), Ok(mut forwarded)) => {
                    for result in [&mut expected, &mut forwarded] {
                        // Each server names itself.
                        result["_meta"]["io.modelcontextprotocol/serverInfo"] = Value::Null;
                    }
                    assert_eq!(forwarded, expected, "{case}");
                }
                (Err(expected), Err(forwarded)) => {
                    assert_eq!(forwarded.to_string(), expected.to_string(), "{case}");
                }
                (expected, forwarded) => panic!("{case}: {forwarded:?}, not {expected:?}"),
            }
        }
    }
}

/// A request for everything that is reported while a call runs.
async fn reporting(peer: &Peer, tool: &str, arguments: Value) -> String {
    let mut meta = json!({ "progressToken": "p" });
    if peer.is_modern() {
        meta["io.modelcontextprotocol/logLevel"] = "debug".into();
    } else {
        peer.request("logging/setLevel", json!({ "level": "debug" }))
            .await
            .unwrap();
    }
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    text(peer.request("tools/call", params).await).unwrap()
}

#[tokio::test]
async fn progress_and_logs_reach_the_client_of_the_call() {
    for (over, of_upstream, of_client) in combinations() {
        let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
        let gateway = gateway(upstream(over, of_upstream).await).await;
        let peer = Peer::connect(&gateway, of_client, |_| None).await;
        let other = Peer::connect(&gateway, of_client, |_| None).await;
        reporting(&peer, "up_progress", json!({ "steps": 3 })).await;
        let progress = peer.heard("notifications/progress");
        let steps: Vec<_> = progress
            .iter()
            .map(|it| it["params"]["progress"].as_f64().unwrap())
            .collect();
        assert_eq!(steps, [1.0, 2.0, 3.0], "{case}");
        let last = &progress[2]["params"];
        assert_eq!(
            (&last["progressToken"], &last["total"]),
            (&json!("p"), &json!(3.0)),
            "{case}"
        );
        assert_eq!(last["message"], "on it", "{case}");
        reporting(&peer, "up_logs", json!({})).await;
        let logs = peer.heard("notifications/message");
        let levels: Vec<_> = logs
            .iter()
            .map(|it| it["params"]["level"].as_str().unwrap())
            .collect();
        assert!(
            levels.starts_with(&["debug", "warning"]),
            "{case}: {logs:?}"
        );
        assert_eq!(logs[1]["params"]["logger"], "disk", "{case}");
        assert_eq!(logs[1]["params"]["data"], json!({ "free": 1 }), "{case}");
        for method in ["notifications/progress", "notifications/message"] {
            assert!(other.heard(method).is_empty(), "{case}: {method}");
        }
    }
}

#[tokio::test]
async fn a_call_that_its_client_gives_up_ends_at_the_server() {
    for (over, of_upstream, of_client) in combinations() {
        let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
        let gateway = gateway(upstream(over, of_upstream).await).await;
        let watching = Peer::connect(&gateway, of_client, |_| None).await;
        let peer = Peer::connect(&gateway, of_client, |_| None).await;
        let wait = json!({ "name": "up_wait_counted", "arguments": { "milliseconds": 60_000 } });
        let counted = |expected: &'static str| {
            let (watching, what) = (&watching, format!("{case}: {expected}"));
            async move {
                let is = async || watching.call("up_counted", json!({})).await.unwrap() == expected;
                until(&what, is).await;
            }
        };
        let cancelled = peer.start("tools/call", wait.clone());
        counted("1 0").await;
        peer.cancel(&cancelled);
        counted("1 1").await;
        let _abandoned = peer.start("tools/call", wait);
        counted("2 1").await;
        drop(peer);
        counted("2 2").await;
    }
}

#[tokio::test]
async fn a_time_limit_ends_the_call_at_the_server() {
    for (over, of_upstream, of_client) in combinations() {
        let upstream = upstream(over, of_upstream)
            .await
            .timeout(Duration::from_millis(300));
        let peer = Peer::connect(&gateway(upstream).await, of_client, |_| None).await;
        let waited = peer
            .call("up_wait_counted", json!({ "milliseconds": 60_000 }))
            .await;
        let error = waited.unwrap_err();
        assert!(
            error.contains("300"),
            "{over:?}, {of_upstream:?}, {of_client:?}: {error}"
        );
        until("it ends", async || {
            peer.call("up_counted", json!({})).await.unwrap() == "1 1"
        })
        .await;
    }
}

/// What is not of the protocol is passed on; what is, is that of the gateway.
#[tokio::test]
async fn the_metadata_of_a_request_is_passed_on_without_that_of_the_protocol() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (over, of_upstream, of_client) in combinations() {
        let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
        let gateway = gateway(upstream(over, of_upstream).await).await;
        let peer = Peer::connect(&gateway, of_client, |_| None).await;
        let meta = json!({
            "com.example/note": { "a": [1, "x"] }, "traceparent": trace, "progressToken": "secret",
        });
        let params = json!({ "name": "up_meta", "arguments": {}, "_meta": meta });
        let seen = text(peer.request("tools/call", params).await).unwrap();
        let seen: Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen["com.example/note"], meta["com.example/note"], "{case}");
        let passed = seen["traceparent"].as_str().unwrap();
        assert_eq!(&passed[..35], &trace[..35], "{case}");
        let seen = seen.to_string();
        assert!(
            !seen.contains("secret") && !seen.contains("\"peer\""),
            "{case}: {seen}"
        );
    }
}
