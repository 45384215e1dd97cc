//! The tests of content, resources and prompts.

use super::*;

#[tokio::test]
async fn icons_and_hints_are_sent() {
    let client = connect(Revision::V2026_07_28).await;
    let tools = client.tools().await.unwrap();
    let echo = tools.iter().find(|tool| tool["name"] == "echo").unwrap();
    assert_eq!(echo["icons"][0]["src"], ICON);
    assert_eq!(echo["title"], "Echo");
    for tool in &tools {
        let hints = &tool["annotations"];
        assert!(
            hints["readOnlyHint"] == true || hints["destructiveHint"] == false,
            "{tool}"
        );
        assert!(hints["openWorldHint"].is_boolean(), "{tool}");
    }
}

#[tokio::test]
async fn content_of_each_kind_is_returned() {
    for revision in ERAS {
        let client = connect(revision).await;
        let texts = [
            ("echo", json!({ "message": "hi" }), "Echo: hi"),
            (
                "get-sum",
                json!({ "a": 2, "b": 3.5 }),
                "The sum of 2 and 3.5 is 5.5.",
            ),
        ];
        for (tool, arguments, text) in texts {
            assert_eq!(call(&client, tool, arguments).await.text(), text);
        }
        let kinds = [
            ("get-tiny-image", json!({}), vec!["text", "image", "text"]),
            ("get-sound", json!({}), vec!["audio"]),
            (
                "get-resource-links",
                json!({ "count": 2 }),
                vec!["text", "resource_link", "resource_link"],
            ),
            (
                "get-resource-reference",
                json!({ "resourceType": "Blob", "resourceId": 7 }),
                vec!["text", "resource", "text"],
            ),
            (
                "get-annotated-message",
                json!({ "messageType": "error", "includeImage": true }),
                vec!["text", "image"],
            ),
        ];
        for (tool, arguments, expected) in kinds {
            let reply = call(&client, tool, arguments).await;
            let kinds: Vec<_> = reply
                .content()
                .iter()
                .map(|block| block["type"].as_str().unwrap())
                .collect();
            assert_eq!(kinds, expected, "{tool}");
        }
        let reply = call(
            &client,
            "get-annotated-message",
            json!({ "messageType": "debug" }),
        )
        .await;
        assert_eq!(
            reply.content()[0]["annotations"],
            json!({ "audience": ["assistant"], "priority": 0.3 })
        );
        let reply = call(
            &client,
            "get-structured-content",
            json!({ "location": "Chicago" }),
        )
        .await;
        let weather =
            json!({ "temperature": 36.0, "conditions": "Light rain / drizzle", "humidity": 82.0 });
        assert_eq!(*reply.structured(), weather);
        assert_eq!(
            serde_json::from_str::<Value>(&reply.text()).unwrap(),
            weather
        );
    }
}

#[tokio::test]
async fn meta_is_read_and_written() {
    let client = connect(Revision::V2026_07_28).await;
    let params =
        json!({ "name": "get-request-meta", "arguments": {}, "_meta": { "example.com/key": 7 } });
    let result = client.request("tools/call", params).await.unwrap();
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text["example.com/key"], 7);
    assert!(
        result["_meta"]["example.com/request"].as_u64().unwrap() >= 1,
        "{result}"
    );
}

#[tokio::test]
async fn variables_of_others_are_not_shown() {
    let client = connect(Revision::V2026_07_28).await;
    let text = call(&client, "get-env", json!({})).await.text();
    let variables: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(
        variables.keys().all(|name| name.starts_with("MCP_")),
        "{variables:?}"
    );
    assert!(std::env::var_os("PATH").is_some(), "there are others");
}

#[tokio::test]
async fn failures_are_results() {
    for revision in ERAS {
        let client = connect(revision).await;
        for (how, blocks) in [("message", 1), ("content", 2)] {
            let reply = client.call("fail", json!({ "how": how })).await.unwrap();
            assert!(reply.is_error());
            assert_eq!(reply.content().len(), blocks, "{how}");
        }
        let reply = client
            .call("get-sum", json!({ "a": f64::MAX, "b": f64::MAX }))
            .await
            .unwrap();
        assert_eq!(reply.text(), "the sum is too large");
    }
}

#[tokio::test]
async fn resources_are_read() {
    for revision in ERAS {
        let client = connect(revision).await;
        let read = async |uri: &str| {
            client
                .read(uri)
                .await
                .map(|mut contents| contents.remove(0))
        };
        let text = read("demo://resource/dynamic/text/7").await.unwrap();
        assert!(
            text["text"]
                .as_str()
                .unwrap()
                .starts_with("Resource 7: This is a plaintext resource")
        );
        let blob = read("demo://resource/dynamic/blob/7").await.unwrap();
        assert!(
            blob["blob"].as_str().unwrap().starts_with("UmVzb3VyY2UgNz"),
            "{blob}"
        );
        let image = read("demo://resource/static/image").await.unwrap();
        assert_eq!(
            (&image["mimeType"], &image["blob"].as_str().unwrap()[..4]),
            (&json!("image/png"), "iVBO")
        );
        let uri = "demo://resource/static/document/structure.md";
        assert!(
            read(uri).await.unwrap()["text"]
                .as_str()
                .unwrap()
                .starts_with("# Structure")
        );
        for missing in [
            "demo://resource/dynamic/text/0",
            "demo://resource/dynamic/text/x",
            "demo://resource/static/document/x",
            "demo://x",
        ] {
            assert!(read(missing).await.is_err(), "{missing}");
        }
    }
    let client = connect(Revision::V2026_07_28).await;
    let uri = json!({ "uri": "demo://resource/static/document/structure.md" });
    let result = client.request("resources/read", uri).await.unwrap();
    assert_eq!(
        (&result["ttlMs"], &result["cacheScope"]),
        (&json!(3_600_000), &json!("public"))
    );
}

#[tokio::test]
async fn values_are_completed() {
    let client = connect(Revision::V2026_07_28).await;
    let cases = [
        (
            "completable-prompt",
            "department",
            "S",
            vec!["Sales", "Support"],
        ),
        ("completable-prompt", "name", "", vec![]),
        ("resource-prompt", "resourceType", "T", vec!["Text"]),
        ("resource-prompt", "resourceId", "12", vec!["12"]),
        (
            "demo://resource/dynamic/text/{resourceId}",
            "resourceId",
            "x",
            vec![],
        ),
        (
            "demo://resource/static/document/{name}",
            "name",
            "s",
            vec!["structure.md"],
        ),
    ];
    for (of, argument, value, expected) in cases {
        let completed = client.complete(of, argument, value).await.unwrap();
        assert_eq!(completed.values, expected, "{of} {argument}");
    }
    let params = json!({
        "ref": { "type": "ref/prompt", "name": "completable-prompt" }, "argument": { "name": "name", "value": "" },
        "context": { "arguments": { "department": "Sales" } },
    });
    let result = client.request("completion/complete", params).await.unwrap();
    assert_eq!(
        result["completion"]["values"],
        json!(["David", "Eve", "Frank"])
    );
}

#[tokio::test]
async fn prompts_contain_text_resources_and_images() {
    for revision in ERAS {
        let client = connect(revision).await;
        let text = async |name: &str, arguments: Value| {
            let messages = client.prompt(name, arguments).await.unwrap();
            messages[0]["content"]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(
            text("simple-prompt", json!({})).await,
            "This is a simple prompt without arguments."
        );
        assert_eq!(
            text("args-prompt", json!({ "city": "Rome" })).await,
            "What's weather in Rome?"
        );
        assert_eq!(
            text("args-prompt", json!({ "city": "Reno", "state": "NV" })).await,
            "What's weather in Reno, NV?"
        );
        assert_eq!(
            text("args-prompt", json!({ "city": "Rome", "state": "" })).await,
            "What's weather in Rome?"
        );
        let arguments = json!({ "department": "Sales", "name": "Eve" });
        assert_eq!(
            text("completable-prompt", arguments).await,
            "Please promote Eve to the head of the Sales team."
        );
        let messages = client
            .prompt(
                "resource-prompt",
                json!({ "resourceType": "Text", "resourceId": "3" }),
            )
            .await
            .unwrap();
        assert_eq!(
            messages[1]["content"]["resource"]["uri"],
            "demo://resource/dynamic/text/3"
        );
        let messages = client.prompt("image-prompt", json!({})).await.unwrap();
        assert_eq!(
            (&messages[0]["content"]["type"], &messages[1]["role"]),
            (&json!("image"), &json!("assistant"))
        );
    }
}
