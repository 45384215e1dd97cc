//! The results of calls.

use mcp_runtime::Revision;
use mcp_runtime::{OpenApi, Server};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::api::{Api, one, serve, specification};

fn with_response(status: &str, media: &str, schema: Value) -> String {
    let response = json!({ "description": "Fine.", "content": { media: { "schema": schema } } });
    one("get", "/p", json!({ "responses": { status: response } }))
}

#[tokio::test]
async fn an_object_is_structured_content() {
    let schema = json!({
        "type": "object",
        "required": ["id", "secret"],
        "properties": {
            "id": { "type": "integer", "minimum": 10 },
            "name": { "enum": ["a", "b"] },
            "secret": { "type": "string", "writeOnly": true },
        },
        "additionalProperties": false,
    });
    let api = Api::new(
        200,
        "application/json; charset=utf-8",
        r#"{ "id": 1, "name": null, "new": 2 }"#,
    );
    let spec = with_response("200", "application/json", schema);
    for revision in Revision::ALL {
        let spec = OpenApi::new(&spec).unwrap();
        let server = Server::openapi(spec, api.clone()).unwrap();
        let client = server.connect().revision(*revision).await;
        let reply = client.call("call", json!({})).await.unwrap();
        assert!(!reply.is_error(), "{}", reply.text());
        assert_eq!(reply.text(), r#"{ "id": 1, "name": null, "new": 2 }"#);
        let tools = client.tools().await.unwrap();
        if tools[0].get("outputSchema").is_none() {
            assert_eq!(*reply.structured(), Value::Null);
            continue;
        }
        assert_eq!(
            *reply.structured(),
            json!({ "id": 1, "name": null, "new": 2 })
        );
        assert_eq!(
            tools[0]["outputSchema"],
            json!({
                "type": "object",
                "properties": { "id": { "type": ["integer", "null"] }, "name": { "examples": ["a", "b"] } },
            })
        );
    }
    assert_eq!(
        api.last().headers()["accept"],
        "application/json, */*;q=0.1"
    );
}

#[tokio::test]
async fn json_is_asked_for_first() {
    let content = json!({ "application/xml": {}, "application/json": {}, "not a type": {} });
    let operation = json!({ "responses": { "200": { "description": "", "content": content } } });
    let api = Api::empty();
    let client = serve(&one("get", "/p", operation), &api).await;
    client.call("call", json!({})).await.unwrap();
    let accepted = "application/json, application/xml, */*;q=0.1";
    assert_eq!(api.last().headers()["accept"], accepted);
}

#[tokio::test]
async fn other_values_are_wrapped() {
    let schema = json!({ "type": "array", "items": { "type": "string" } });
    let api = Api::new(200, "application/json", r#"["a"]"#);
    let client = serve(&with_response("2XX", "application/json", schema), &api).await;
    let reply = client.call("call", json!({})).await.unwrap();
    assert_eq!(*reply.structured(), json!({ "result": ["a"] }));
    assert_eq!(reply.text(), r#"["a"]"#);
}

/// A response that breaks its own specification is not lost, and the model knows that the request was carried out.
#[tokio::test]
async fn a_response_of_another_form_is_shown() {
    let schema = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
    for body in [r#"{"id":"x"}"#, r#"["id"]"#] {
        let api = Api::new(200, "application/json", body);
        let client = serve(
            &with_response("200", "application/json", schema.clone()),
            &api,
        )
        .await;
        let reply = client.call("call", json!({})).await.unwrap();
        assert!(reply.is_error());
        let text = reply.content()[0]["text"].as_str().unwrap();
        assert!(
            text.contains("carried out the request with the status 200 OK. Do not repeat it."),
            "{text}"
        );
        assert!(text.contains("`response"), "{text}");
        assert_eq!(reply.content()[1]["text"], body);
    }
}

#[tokio::test]
async fn an_empty_response_is_its_status() {
    let schema = json!({ "type": "object" });
    let api = Api::with_headers(201, &[("location", "/p/7")], "");
    let client = serve(&with_response("201", "application/json", schema), &api).await;
    let reply = client.call("call", json!({})).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.text());
    assert_eq!(reply.text(), "201 Created, at /p/7");
    assert_eq!(*reply.structured(), json!({}));
    let api = Api::with_headers(204, &[], "");
    let client = serve(&one("delete", "/p", json!({})), &api).await;
    let reply = client.call("call", json!({})).await.unwrap();
    assert_eq!(reply.text(), "204 No Content");
}

#[tokio::test]
async fn other_media_types_have_their_content() {
    for (media, body, content) in [
        ("text/csv", "a,b", json!({ "type": "text", "text": "a,b" })),
        (
            "application/problem+json",
            "{}",
            json!({ "type": "text", "text": "{}" }),
        ),
        (
            "application/json",
            "{",
            json!({ "type": "text", "text": "{" }),
        ),
        (
            "image/png",
            "PNG",
            json!({ "type": "image", "data": "UE5H", "mimeType": "image/png" }),
        ),
        (
            "audio/mpeg",
            "MP3",
            json!({ "type": "audio", "data": "TVAz", "mimeType": "audio/mpeg" }),
        ),
        (
            "application/pdf",
            "PDF",
            json!({ "type": "resource", "resource": {
                "uri": "https://api.example.com/v1/p", "mimeType": "application/pdf", "blob": "UERG",
            } }),
        ),
    ] {
        let api = Api::new(200, media, body);
        let client = serve(&one("get", "/p", json!({})), &api).await;
        let reply = client.call("call", json!({})).await.unwrap();
        assert!(!reply.is_error());
        assert_eq!(reply.content(), [content], "{media}");
    }
}

#[tokio::test]
async fn errors_are_texts_for_the_model() {
    let operation = json!({ "responses": {
        "404": { "description": "No such user." },
        "4XX": { "description": "A mistake of yours." },
        "default": { "description": "Something else." },
    } });
    let spec = one("get", "/p", operation);
    let problem = r#"{"title":"Gone","detail":"moved away"}"#;
    for (status, headers, body, expected) in [
        (
            404,
            &[("content-type", "application/problem+json")][..],
            problem,
            "The API answers with the status 404 Not Found. The specification says: No such user.\n{\"title\":\"Gone\",\"detail\":\"moved away\"}",
        ),
        (
            409,
            &[],
            "",
            "The API answers with the status 409 Conflict. The specification says: A mistake of yours.",
        ),
        (
            503,
            &[("retry-after", "30")],
            "",
            "The API answers with the status 503 Service Unavailable. The specification says: Something else. Try again after 30 (`Retry-After`).",
        ),
        (
            302,
            &[("location", "https://elsewhere.example/")],
            "",
            "The API answers with the status 302 Found. The specification says: Something else. It redirects to https://elsewhere.example/, and redirects are not followed.",
        ),
        (
            500,
            &[("content-type", "image/png")],
            "PNG",
            "The API answers with the status 500 Internal Server Error. The specification says: Something else.",
        ),
    ] {
        let api = Api::with_headers(status, headers, body);
        let client = serve(&spec, &api).await;
        let reply = client.call("call", json!({})).await.unwrap();
        assert!(reply.is_error());
        assert_eq!(reply.text(), expected);
    }
    let api = Api::new(400, "text/plain", "ü".repeat(5000));
    let client = serve(&spec, &api).await;
    let text = client.call("call", json!({})).await.unwrap().text();
    assert!(
        text.len() < 2200 && text.ends_with("ü [...]"),
        "{}",
        text.len()
    );
}

/// With several successful responses of different schemas, none is promised.
#[tokio::test]
async fn different_responses_have_no_output_schema() {
    let of = |name: &str| json!({ "description": "", "content": { "application/json": { "schema": { "type": name } } } });
    let operation =
        json!({ "operationId": "call", "responses": { "200": of("object"), "202": of("string") } });
    let spec = specification("3.0.0", json!({ "/p": { "get": operation } }), json!({}));
    let api = Api::new(200, "application/json", "{}");
    let client = serve(&spec, &api).await;
    let tools = client.tools().await.unwrap();
    assert_eq!(tools[0].get("outputSchema"), None);
    let reply = client.call("call", json!({})).await.unwrap();
    assert_eq!(
        (reply.text().as_str(), reply.structured()),
        ("{}", &Value::Null)
    );
}
