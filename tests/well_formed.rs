//! Values of handlers whose format the protocol restricts: annotations, icons, MIME types and URIs. An invalid value in a
//! definition prevents the server from being built. An invalid value in a result is left out or replaced.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use mcp_runtime::prelude::*;
use mcp_runtime::{
    Annotations, Audio, ClientError, EmbeddedResource, Icon, Image, Listing, Resource,
    ResourceContents, ResourceLink, Revision, Role, Text, Tool, ToolResult,
};
use mcp_tests::client::Connect as _;
use serde_json::{Map, Value, json};

/// Returns the content of a call of a tool with this result, without empty annotations.
async fn content(revision: Revision, result: fn() -> ToolResult) -> Vec<Value> {
    let schema = json!({ "type": "object" });
    let tool = Tool::new("tool", schema, move |_: Value, _: Context| async move {
        result()
    });
    let server = Server::new("server", "1").with(tool);
    let client = server.connect().revision(revision).await;
    let reply = client.call("tool", json!({})).await.unwrap();
    reply.content().to_vec()
}

async fn problem(server: Server) -> String {
    match server.connect().await.tools().await {
        Err(ClientError::Server(message)) => message,
        other => panic!("the server was built: {other:?}"),
    }
}

fn annotated(priority: f64, last_modified: &str) -> Text {
    let mut annotations = Annotations::new().audience([Role::User, Role::Assistant]);
    annotations.priority = Some(priority);
    Text::new("text").annotations(annotations.last_modified(last_modified))
}

#[tokio::test]
async fn annotations_are_valid_or_left_out() {
    let result = || {
        let texts = [
            annotated(0.25, "2026-01-31T23:59:59Z"),
            annotated(7.0, "2026-01-31T23:59:59.123+01:00"),
            annotated(-0.5, "2026-01-31"),
            annotated(f64::NAN, "yesterday"),
            annotated(1.0, "2026-13-01T00:00:00Z"),
            annotated(1.0, "2026-01-01T24:00:01Z"),
            annotated(1.0, "2026-01-01 00:00:00"),
            annotated(1.0, ""),
            Text::new("text").annotations(Annotations::new().priority(f64::NAN)),
        ];
        texts
            .into_iter()
            .fold(ToolResult::new(), ToolResult::content)
    };
    let sent: Vec<_> = content(Revision::LATEST, result)
        .await
        .iter()
        .map(|block| {
            let annotations = &block["annotations"];
            if !annotations["audience"].is_null() {
                assert_eq!(annotations["audience"], json!(["user", "assistant"]));
            }
            let member = |name: &str| annotations.get(name).cloned();
            (member("priority"), member("lastModified"))
        })
        .collect();
    let some = |value: Value| Some(value);
    assert_eq!(
        sent,
        [
            (some(json!(0.25)), some(json!("2026-01-31T23:59:59Z"))),
            (
                some(json!(1.0)),
                some(json!("2026-01-31T23:59:59.123+01:00"))
            ),
            (some(json!(0.0)), some(json!("2026-01-31"))),
            (None, None),
            (some(json!(1.0)), None),
            (some(json!(1.0)), None),
            (some(json!(1.0)), None),
            (some(json!(1.0)), None),
            (None, None),
        ]
    );
}

/// A resource with invalid annotations.
#[resource("text://annotated", annotations = Annotations::new().priority(f64::NAN).last_modified("today"))]
async fn annotated_resource() -> &'static str {
    ""
}

#[tokio::test]
async fn definitions_with_invalid_values_are_refused() {
    let icons = [
        Icon::new("data:image/png,abc"),
        Icon::new("data:image/png;base64,a"),
        Icon::new("data:image/png;base64,a b="),
        Icon::new("data:;base64,YQ=="),
        Icon::new("https://example.com/a b.png"),
        Icon::new("https://example.com/typed.png").mime("png"),
        Icon::new("https://example.com/none.png").sizes(["0x16"]),
    ];
    let read = |_: Value, _: Context| async { "" };
    let typed = Resource::new("text://typed", "typed", read).mime("text/plain and more");
    let server = Server::new("wrong", "1")
        .with(components![annotated_resource])
        .with(typed)
        .icons(icons);
    let message = problem(server).await;
    for part in [
        "resource `text://annotated`: the priority NaN is not a number from 0 to 1",
        "resource `text://annotated`: `today` is not a date of ISO 8601",
        "resource `text://typed`: the MIME type `text/plain and more` is not of the form `type/subtype`",
        "the icon `data:image/png,abc` is a `data:` URI that is not base64",
        "the icon `data:image/png;base64,a` is a `data:` URI",
        "the icon `data:image/png;base64,a b=` is a `data:` URI",
        "the icon `data:;base64,YQ==` is a `data:` URI",
        "the icon `https://example.com/a b.png` contains a character that a URI does not allow",
        "the icon `https://example.com/typed.png`: the MIME type `png` is not of the form `type/subtype`",
        "the icon `https://example.com/none.png` has the size `0x16`",
    ] {
        assert!(
            message.contains(part),
            "nothing says {part:?} in:\n{message}"
        );
    }
}

#[tokio::test]
async fn icons_of_links_are_valid_or_left_out() {
    let result = || {
        let right = Icon::new("data:image/svg+xml;base64,PHN2Zy8+").sizes(["any"]);
        let wrong = Icon::new("data:image/png;base64,*");
        ToolResult::new().content(ResourceLink::new("text://a", "a").icons([right, wrong]))
    };
    let sent = content(Revision::LATEST, result).await;
    let icons = json!([{ "src": "data:image/svg+xml;base64,PHN2Zy8+", "sizes": ["any"] }]);
    assert_eq!(sent[0]["icons"], icons);
}

#[tokio::test]
async fn mime_types_are_well_formed() {
    let result = || {
        let contents = |mime: &str| ResourceContents::bytes(*b"x").mime(mime);
        ToolResult::new()
            .content(Image::new(*b"x", "image/svg+xml"))
            .content(Image::new(*b"x", "png"))
            .content(Audio::new(*b"x", "audio/"))
            .content(EmbeddedResource::new(
                "a:b",
                contents("text/plain; charset=\"utf-8\""),
            ))
            .content(EmbeddedResource::new("a:b", contents("text/plain;")))
            .content(ResourceLink::new("a:b", "b").mime("text/html;profile=mcp-app"))
            .content(ResourceLink::new("a:b", "b").mime("*/*"))
    };
    let sent: Vec<_> = content(Revision::LATEST, result)
        .await
        .iter()
        .map(|block| match block.get("resource") {
            Some(contents) => contents["mimeType"].clone(),
            None => block["mimeType"].clone(),
        })
        .collect();
    assert_eq!(
        sent,
        [
            json!("image/svg+xml"),
            json!("application/octet-stream"),
            json!("application/octet-stream"),
            json!("text/plain; charset=\"utf-8\""),
            Value::Null,
            json!("text/html;profile=mcp-app"),
            Value::Null,
        ]
    );
}

#[tokio::test]
async fn data_is_base64() {
    let result = || {
        let contents = ResourceContents::bytes(*b"\xff\xfe\x00?");
        ToolResult::new()
            .content(Image::png(*b"\xff\xfe\x00?"))
            .content(Audio::wav(*b""))
            .content(EmbeddedResource::new("a:b", contents))
    };
    let sent = content(Revision::LATEST, result).await;
    assert_eq!(sent[0]["data"], "//4APw==");
    assert_eq!(sent[1]["data"], "");
    assert_eq!(sent[2]["resource"]["blob"], "//4APw==");
}

/// Text in parts with URIs of their own.
#[resource("parts://{name}", list = parts)]
async fn part(name: String) -> Vec<ResourceContents> {
    let own = |uri: &str| ResourceContents::text("").uri(uri);
    vec![
        ResourceContents::text(name),
        own("parts://a b"),
        own("no scheme"),
    ]
}

fn parts(_: Listing) -> Vec<ResourceLink> {
    vec![
        ResourceLink::new("parts://\u{e9}%", "encoded"),
        ResourceLink::new("relative/path", "left out"),
    ]
}

#[tokio::test]
async fn every_uri_that_is_sent_is_valid() {
    let server = Server::new("server", "1").with(components![part]);
    let client = server.connect().await;
    let listed = client.resources().await.unwrap();
    let uris: Vec<_> = listed.iter().map(|it| it["uri"].clone()).collect();
    assert_eq!(uris, ["parts://%C3%A9%25"]);
    let read = client.read("parts://\u{e9}").await.unwrap();
    let uris: Vec<_> = read.iter().map(|it| it["uri"].clone()).collect();
    assert_eq!(
        uris,
        ["parts://%C3%A9", "parts://a%20b", "parts://%C3%A9"],
        "contents without a valid URI have the one that was read"
    );

    let result = || {
        let contents = || ResourceContents::text("inside");
        ToolResult::new()
            .content(ResourceLink::new("a:b c", "b").title("Title"))
            .content(ResourceLink::new("b c", "b").description("About it."))
            .content(EmbeddedResource::new("a:\u{e9}", contents()))
            .content(EmbeddedResource::new("", contents()))
    };
    for revision in [Revision::V2025_06_18, Revision::LATEST] {
        let sent = content(revision, result).await;
        assert_eq!(sent[0]["uri"], "a:b%20c");
        assert_eq!(
            sent[1],
            json!({ "type": "text", "text": "[b](b c): About it." })
        );
        assert_eq!(sent[2]["resource"]["uri"], "a:%C3%A9");
        assert_eq!(sent[3]["resource"]["uri"], "resource:///inline");
    }
}

/// Takes no arguments.
#[tool]
async fn without_parameters() {}

#[tokio::test]
async fn a_tool_without_parameters_accepts_empty_objects_only() {
    let server = Server::new("server", "1").with(components![without_parameters]);
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    // `properties` adds nothing, but some clients refuse an object without it.
    let schema =
        json!({ "type": "object", "properties": Map::new(), "additionalProperties": false });
    assert_eq!(tools[0]["inputSchema"], schema);
    assert!(
        !client
            .call("without_parameters", json!({}))
            .await
            .unwrap()
            .is_error()
    );
    let more = client.call("without_parameters", json!({ "a": 1 })).await;
    assert!(more.unwrap().is_error());
}
