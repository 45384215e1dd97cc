//! Components that the caller does not see: the client is told that they are unknown, and the audit that they are forbidden.

use serde_json::{Value, json};

use crate::records::Records;
use crate::server::{KEY, LEGACY, MODERN, open, over_streams, post, protected, read, request};

/// Returns the requests for hidden components, each with the name in its record.
fn requests() -> Vec<(&'static str, Value, &'static str)> {
    let arguments = json!({ "name": "x" });
    let argument = json!({ "name": "name", "value": "x" });
    let prompt = json!({ "type": "ref/prompt", "name": "passwords" });
    let template = json!({ "type": "ref/resource", "uri": "vault://{name}" });
    vec![
        (
            "tools/call",
            json!({ "name": "wipe", "arguments": { "text": "x" } }),
            "wipe",
        ),
        (
            "prompts/get",
            json!({ "name": "passwords", "arguments": arguments }),
            "passwords",
        ),
        (
            "resources/read",
            json!({ "uri": "vault://x" }),
            "vault://{name}",
        ),
        (
            "completion/complete",
            json!({ "ref": prompt, "argument": argument }),
            "passwords",
        ),
        (
            "completion/complete",
            json!({ "ref": template, "argument": argument }),
            "vault://{name}",
        ),
    ]
}

#[track_caller]
fn check(records: &Records, component: &str, place: &str) {
    let taken = records.take();
    assert_eq!(taken.len(), 1, "{place}: {taken:?}");
    assert_eq!(taken[0]["decision"], "forbidden", "{place}: {taken:?}");
    assert_eq!(taken[0]["outcome"], "protocol_error", "{place}: {taken:?}");
    assert_eq!(taken[0]["component"], component, "{place}: {taken:?}");
}

#[tokio::test]
async fn over_http_a_hidden_component_is_forbidden_in_the_audit_only() {
    for revision in [MODERN, LEGACY] {
        let records = Records::default();
        let service = records.audit(protected()).into_service().await.unwrap();
        let without = open().into_service().await.unwrap();
        for (method, params, component) in requests() {
            let message = request(revision, method, params);
            let sent = read(post(&service, revision, KEY, &message).await).await;
            let unknown = read(post(&without, revision, "", &message).await).await;
            assert_eq!(sent, unknown, "{message}");
            assert_eq!(sent.0, 200, "{message}");
            check(&records, component, &message.to_string());
        }
    }
}

/// A tool that stands for the request says the same about a hidden component as about an unknown one.
#[tokio::test]
async fn resources_as_tools_conceal_hidden_components() {
    let server = |server: mcp_runtime::Server| server.resources_as_tools().prompts_as_tools();
    for revision in [MODERN, LEGACY] {
        let records = Records::default();
        let service = server(records.audit(protected()))
            .into_service()
            .await
            .unwrap();
        let without = server(open()).into_service().await.unwrap();
        let get = json!({ "name": "passwords", "arguments": { "name": "x" } });
        for (tool, arguments, component) in [
            (
                "read_resource",
                json!({ "uri": "vault://x" }),
                "vault://{name}",
            ),
            ("get_prompt", get, "passwords"),
        ] {
            let params = json!({ "name": tool, "arguments": arguments });
            let message = request(revision, "tools/call", params);
            let sent = read(post(&service, revision, KEY, &message).await).await;
            let unknown = read(post(&without, revision, "", &message).await).await;
            assert_eq!(sent, unknown, "{message}");
            let taken = records.take();
            assert_eq!(taken[0]["decision"], "forbidden", "{taken:?}");
            assert_eq!(taken[0]["component"], component, "{taken:?}");
        }
    }
}

#[tokio::test]
async fn over_streams_a_hidden_component_is_forbidden_in_the_audit_only() {
    for revision in [MODERN, LEGACY] {
        for (method, params, component) in requests() {
            let records = Records::default();
            let message = [request(revision, method, params)];
            let sent = over_streams(records.audit(protected()), revision, &message).await;
            let unknown = over_streams(open(), revision, &message).await;
            assert_eq!(sent, unknown, "{method}");
            let mut taken = records.take();
            assert_eq!(
                taken.pop().unwrap()["decision"],
                "forbidden",
                "{method}: {taken:?}"
            );
            assert!(
                taken.iter().all(|it| it["component"] != component),
                "{taken:?}"
            );
        }
    }
}

/// A rule of the server hides components like a scope does.
#[tokio::test]
async fn a_component_that_a_rule_hides_is_forbidden() {
    let records = Records::default();
    let server = open().visible(|_, component| component.name() != "echo");
    let message = [request(
        MODERN,
        "tools/call",
        json!({ "name": "echo", "arguments": { "text": "x" } }),
    )];
    over_streams(records.audit(server), MODERN, &message).await;
    check(&records, "echo", "a rule");
}
