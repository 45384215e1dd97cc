//! The tests of all components, with clients of both eras.

mod asking;
mod content;

use mcp_runtime::{Client, LogLevel, Revision, ToolReply};
use serde_json::{Value, json};

use super::*;
use crate::running::LEVELS;

/// A stateless revision, and one with sessions.
const ERAS: [Revision; 2] = [Revision::V2026_07_28, Revision::V2025_11_25];

async fn connect(revision: Revision) -> Client {
    server(Duration::from_millis(5))
        .client()
        .revision(revision)
        .await
}

async fn call(client: &Client, tool: &str, arguments: Value) -> ToolReply {
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(!reply.is_error(), "{tool}: {}", reply.text());
    reply
}

fn methods(client: &Client) -> Vec<String> {
    let notifications = client.take_notifications();
    let methods = notifications
        .iter()
        .filter_map(|one| one["method"].as_str());
    methods.map(str::to_owned).collect()
}

/// The tools, prompts and resources of the reference server that this one has.
const TOOLS: [&str; 15] = [
    "echo",
    "get-annotated-message",
    "get-env",
    "get-resource-links",
    "get-resource-reference",
    "get-structured-content",
    "get-sum",
    "get-tiny-image",
    "gzip-file-as-resource",
    "toggle-subscriber-updates",
    "trigger-long-running-operation",
    "trigger-elicitation-request",
    "trigger-url-elicitation",
    "trigger-sampling-request",
    "get-roots-list",
];

#[tokio::test]
async fn the_components_of_the_reference_server_are_there_on_several_pages() {
    for revision in ERAS {
        let client = connect(revision).await;
        let first = client.request("tools/list", json!({})).await.unwrap();
        assert_eq!(first["tools"].as_array().unwrap().len(), 10);
        let tools = client.tools().await.unwrap();
        for name in TOOLS {
            assert!(tools.iter().any(|tool| tool["name"] == name), "{name}");
        }
        let names = |list: &[Value], key: &str| {
            list.iter()
                .map(|it| it[key].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let prompts = names(&client.prompts().await.unwrap(), "name");
        assert_eq!(
            prompts,
            [
                "simple-prompt",
                "args-prompt",
                "completable-prompt",
                "resource-prompt",
                "image-prompt"
            ]
        );
        let templates = names(&client.resource_templates().await.unwrap(), "uriTemplate");
        assert_eq!(
            templates[..2],
            [
                "demo://resource/dynamic/text/{resourceId}",
                "demo://resource/dynamic/blob/{resourceId}"
            ]
        );
        let resources = names(&client.resources().await.unwrap(), "uri");
        assert!(
            resources.contains(&"demo://resource/static/document/features.md".to_owned()),
            "{resources:?}"
        );
    }
}

#[tokio::test]
async fn progress_is_reported_at_each_step() {
    for revision in ERAS {
        let client = connect(revision).await;
        let arguments = json!({ "duration": 0.02, "steps": 3 });
        let params = json!({ "name": "trigger-long-running-operation", "arguments": arguments, "_meta": { "progressToken": 9 } });
        let result = client.request("tools/call", params).await.unwrap();
        let text = "Long running operation completed. Duration: 0.02 seconds, Steps: 3.";
        assert_eq!(result["content"][0]["text"], text);
        let notifications = client.take_notifications();
        let progress = notifications
            .iter()
            .filter(|one| one["method"] == "notifications/progress");
        let done: Vec<_> = progress
            .map(|one| one["params"]["progress"].as_f64().unwrap().to_string())
            .collect();
        assert_eq!(done, ["1", "2", "3"], "{revision:?}");
    }
}

/// The call would last an hour.
#[tokio::test]
async fn a_long_call_can_be_cancelled() {
    let client = connect(Revision::V2025_11_25).await;
    let arguments = json!({ "duration": 3000, "steps": 1 });
    let params = json!({ "name": "trigger-long-running-operation", "arguments": arguments });
    let call = json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call", "params": params })
        .to_string();
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "long" } }).to_string();
    let (reply, _) = tokio::join!(client.send(&call), client.send(&cancel));
    assert_eq!(reply.unwrap(), None, "a cancelled call has no reply");
}

#[tokio::test]
async fn log_messages_have_a_level() {
    for revision in ERAS {
        let server = server(INTERVAL).client().revision(revision);
        let client = server.log_level(LogLevel::Error).await;
        call(&client, "send-log-messages", json!({})).await;
        let messages = client.take_notifications();
        let levels: Vec<_> = messages
            .iter()
            .map(|one| one["params"]["level"].as_str().unwrap())
            .collect();
        assert_eq!(
            levels,
            ["error", "critical", "alert", "emergency"],
            "{revision:?}"
        );
        assert!(
            messages
                .iter()
                .all(|one| one["params"]["logger"] == "everything")
        );
    }
    assert_eq!(LEVELS.len(), 8);
}

#[tokio::test]
async fn calls_are_counted_for_each_session() {
    let client = connect(Revision::V2025_11_25).await;
    for count in 1..=3 {
        assert_eq!(
            call(&client, "count-calls", json!({})).await.structured()["result"],
            count
        );
    }
}

#[tokio::test]
async fn components_come_and_go() {
    let lists =
        ["tools", "prompts", "resources"].map(|list| format!("notifications/{list}/list_changed"));
    for revision in ERAS {
        let client = connect(revision).await;
        let filter = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true });
        let listening = (revision == Revision::V2026_07_28).then(|| client.listen(filter).unwrap());
        methods(&client);
        assert_eq!(
            call(&client, "toggle-components", json!({})).await.text(),
            "Added."
        );
        assert_eq!(methods(&client), lists, "{revision:?}");
        assert_eq!(
            call(&client, "extra", json!({})).await.text(),
            "I am extra."
        );
        assert!(client.prompt("extra", json!({})).await.is_ok());
        assert!(client.read("demo://resource/extra").await.is_ok());
        assert_eq!(
            call(&client, "toggle-components", json!({})).await.text(),
            "Removed."
        );
        assert_eq!(methods(&client), lists, "{revision:?}");
        assert!(client.call("extra", json!({})).await.is_err());
        drop(listening);
    }
}

#[tokio::test]
async fn subscribers_are_told_of_updates() {
    let uri = "demo://resource/counter";
    for revision in ERAS {
        let client = connect(revision).await;
        let listening = if revision == Revision::V2026_07_28 {
            Some(
                client
                    .listen(json!({ "resourceSubscriptions": [uri] }))
                    .unwrap(),
            )
        } else {
            client
                .request("resources/subscribe", json!({ "uri": uri }))
                .await
                .unwrap();
            None
        };
        methods(&client);
        let started = call(&client, "toggle-subscriber-updates", json!({}))
            .await
            .text();
        assert!(started.starts_with("Started"), "{started}");
        let updated = async {
            loop {
                if methods(&client)
                    .iter()
                    .any(|method| method == "notifications/resources/updated")
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), updated)
            .await
            .expect("an update");
        assert_eq!(
            call(&client, "toggle-subscriber-updates", json!({}))
                .await
                .text(),
            "Stopped."
        );
        let count = client.read(uri).await.unwrap()[0]["text"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap();
        assert!(count >= 1, "{count}");
        drop(listening);
    }
}

#[tokio::test]
async fn compressed_files_are_resources() {
    let client = connect(Revision::V2026_07_28).await;
    let reply = call(&client, "gzip-file-as-resource", json!({})).await;
    let uri = reply.content()[0]["uri"].as_str().unwrap().to_owned();
    assert_eq!(uri, "demo://resource/session/README.md.gz");
    let contents = client.read(&uri).await.unwrap();
    assert!(
        contents[0]["blob"].as_str().unwrap().starts_with("H4sI"),
        "the bytes of gzip: {contents:?}"
    );
    let mut blobs = Vec::new();
    for data in ["data:text/plain;base64,SGVsbG8=", "data:,Hell%6F"] {
        let arguments = json!({ "outputType": "resource", "name": "a.gz", "data": data });
        let reply = call(&client, "gzip-file-as-resource", arguments).await;
        let resource = &reply.content()[0]["resource"];
        assert_eq!(resource["mimeType"], "application/gzip");
        let contents = client.read("demo://resource/session/a.gz").await.unwrap();
        assert_eq!(contents[0]["blob"], resource["blob"]);
        blobs.push(resource["blob"].clone());
    }
    assert_eq!(blobs[0], blobs[1], "the same file in two notations");

    for number in 0..12 {
        call(
            &client,
            "gzip-file-as-resource",
            json!({ "name": format!("{number}.gz") }),
        )
        .await;
    }
    let resources = client.resources().await.unwrap();
    let files = resources
        .iter()
        .filter(|it| it["uri"].as_str().unwrap().contains("/session/"))
        .count();
    assert_eq!(files, 10, "the oldest are removed");
    let large = format!("data:;base64,{}", "AAAA".repeat(400_000));
    for (arguments, message) in [
        (json!({ "name": "../x" }), "`name` has letters"),
        (json!({ "name": "a/b" }), "`name` has letters"),
        (
            json!({ "data": "https://example.com/" }),
            "`data` is not a `data:` URL",
        ),
        (
            json!({ "data": "data:text/plain;base64,%" }),
            "`data` is not a `data:` URL",
        ),
        (json!({ "data": large }), "the file has 1200000 bytes"),
    ] {
        let reply = client
            .call("gzip-file-as-resource", arguments)
            .await
            .unwrap();
        assert!(
            reply.is_error() && reply.text().starts_with(message),
            "{}",
            reply.text()
        );
    }
}
