//! The requests of calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api::{Api, one, serve, specification};

fn parameter(name: &str, place: &str, more: Value) -> Value {
    let mut parameter = json!({ "name": name, "in": place, "schema": { "type": "string" } });
    for (name, value) in more.as_object().unwrap() {
        parameter[name] = value.clone();
    }
    if place == "path" {
        parameter["required"] = true.into();
    }
    parameter
}

fn array(more: Value) -> Value {
    let mut parameter = json!({ "schema": { "type": "array", "items": { "type": "string" } } });
    for (name, value) in more.as_object().unwrap() {
        parameter[name] = value.clone();
    }
    parameter
}

/// Each parameter with a value, and the URI that is requested.
#[tokio::test]
async fn parameters_are_written_in_their_style() {
    let object = |style: &str, explode: bool| json!({ "schema": { "type": "object" }, "style": style, "explode": explode });
    let point = json!({ "x": 1, "y": "a b" });
    for (place, more, value, uri) in [
        ("path", json!({}), json!("a/b?c#d%"), "/p/a%2Fb%3Fc%23d%25"),
        ("path", json!({}), json!("..a"), "/p/..a"),
        (
            "path",
            array(json!({ "style": "label", "explode": true })),
            json!(["a", "b"]),
            "/p/.a.b",
        ),
        (
            "path",
            array(json!({ "style": "matrix" })),
            json!(["a", "b"]),
            "/p/;v=a,b",
        ),
        (
            "path",
            object("simple", true),
            point.clone(),
            "/p/x=1,y=a%20b",
        ),
        ("query", json!({}), json!("a&b=c"), "/p?v=a%26b%3Dc"),
        (
            "query",
            json!({ "schema": { "type": "integer" } }),
            json!(5),
            "/p?v=5",
        ),
        (
            "query",
            json!({ "schema": { "type": "boolean" } }),
            json!(true),
            "/p?v=true",
        ),
        (
            "query",
            array(json!({})),
            json!(["a", "b c"]),
            "/p?v=a&v=b%20c",
        ),
        (
            "query",
            array(json!({ "explode": false })),
            json!(["a", "b c"]),
            "/p?v=a,b%20c",
        ),
        (
            "query",
            array(json!({ "style": "pipeDelimited", "explode": false })),
            json!(["a", "b"]),
            "/p?v=a%7Cb",
        ),
        (
            "query",
            array(json!({ "style": "spaceDelimited", "explode": false })),
            json!(["a", "b"]),
            "/p?v=a%20b",
        ),
        (
            "query",
            object("form", true),
            point.clone(),
            "/p?x=1&y=a%20b",
        ),
        (
            "query",
            object("deepObject", true),
            point.clone(),
            "/p?v%5Bx%5D=1&v%5By%5D=a%20b",
        ),
        (
            "query",
            json!({ "allowReserved": true }),
            json!("a/b:c?d&e"),
            "/p?v=a/b:c?d%26e",
        ),
        (
            "query",
            json!({ "schema": null, "content": { "application/json": { "schema": { "type": "object" } } } }),
            json!({ "a": [1] }),
            "/p?v=%7B%22a%22%3A%5B1%5D%7D",
        ),
    ] {
        let path = if place == "path" { "/p/{v}" } else { "/p" };
        let operation = json!({ "parameters": [parameter("v", place, more.clone())] });
        let api = Api::empty();
        let client = serve(&one("get", path, operation), &api).await;
        let reply = client.call("call", json!({ "v": value })).await.unwrap();
        assert!(!reply.is_error(), "{}", reply.text());
        let request = api.last();
        let expected = format!("https://api.example.com/v1{uri}");
        assert_eq!(request.uri().to_string(), expected, "{place} {more}");
        assert_eq!(request.method(), "GET");
    }
}

#[tokio::test]
async fn headers_and_cookies_are_sent() {
    let operation = json!({ "parameters": [
        parameter("X-Trace", "header", json!({})),
        parameter("X-Tags", "header", array(json!({}))),
        parameter("session", "cookie", json!({})),
        parameter("theme", "cookie", json!({})),
        // These are left out: they have other meanings.
        parameter("Authorization", "header", json!({ "required": true })),
        parameter("Content-Length", "header", json!({})),
    ] });
    let api = Api::empty();
    let client = serve(&one("get", "/p", operation), &api).await;
    let tools = client.tools().await.unwrap();
    let arguments = tools[0]["inputSchema"]["properties"].as_object().unwrap();
    let arguments: Vec<_> = arguments.keys().collect();
    assert_eq!(arguments, ["X-Trace", "X-Tags", "session", "theme"]);
    let values =
        json!({ "X-Trace": "1 2", "X-Tags": ["a", "b"], "session": "a;b", "theme": "dark" });
    client.call("call", values).await.unwrap();
    let request = api.last();
    assert_eq!(request.headers()["x-trace"], "1 2");
    assert_eq!(request.headers()["x-tags"], "a,b");
    assert_eq!(request.headers()["cookie"], "session=a%3Bb; theme=dark");
    assert!(!request.headers().contains_key("content-type"));

    let reply = client
        .call("call", json!({ "X-Trace": "a\r\nHost: evil" }))
        .await
        .unwrap();
    assert!(reply.is_error());
    assert!(
        reply.text().contains("`X-Trace` has characters"),
        "{}",
        reply.text()
    );
    assert_eq!(api.count(), 1);
}

/// Values that would leave their segment of the path.
#[tokio::test]
async fn values_stay_in_their_segment() {
    let operation = json!({ "parameters": [parameter("id", "path", json!({}))] });
    let api = Api::empty();
    let client = serve(&one("delete", "/users/{id}/posts", operation), &api).await;
    for (id, message) in [
        ("..", "a part of the path is `.` or `..`"),
        (".", "a part of the path is `.` or `..`"),
        ("", "`id` is part of the path and must not be empty"),
    ] {
        let reply = client.call("call", json!({ "id": id })).await.unwrap();
        assert!(reply.is_error());
        assert!(reply.text().starts_with(message), "{}", reply.text());
    }
    assert_eq!(api.count(), 0);
    for (id, path) in [
        ("../..", "/v1/users/..%2F../posts"),
        ("a\\..", "/v1/users/a%5C../posts"),
        ("%2e%2e", "/v1/users/%252e%252e/posts"),
        ("\r\n", "/v1/users/%0D%0A/posts"),
        ("ü", "/v1/users/%C3%BC/posts"),
    ] {
        client.call("call", json!({ "id": id })).await.unwrap();
        assert_eq!(api.last().uri().path(), path);
    }
}

/// Parameters of one name in several places.
#[tokio::test]
async fn a_name_that_is_taken_is_followed_by_the_place() {
    let operation = json!({
        "parameters": [
            parameter("body", "query", json!({})),
            parameter("id", "cookie", json!({})),
            parameter("id", "query", json!({})),
            parameter("id", "path", json!({})),
            parameter("filter[name]", "query", json!({})),
            parameter("filter.name", "query", json!({})),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object" } } } },
    });
    let api = Api::empty();
    let client = serve(&one("post", "/p/{id}", operation), &api).await;
    let arguments = json!({
        "id": "1", "id_query": "2", "id_cookie": "3", "body": "4", "body_body": { "n": 5 },
        "filter_name": "6", "filter_name_query": "7",
    });
    let reply = client.call("call", arguments).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.text());
    let request = api.last();
    assert_eq!(
        request.uri(),
        "https://api.example.com/v1/p/1?body=4&id=2&filter%5Bname%5D=6&filter.name=7"
    );
    assert_eq!(request.headers()["cookie"], "id=3");
    assert_eq!(request.body(), "{\"n\":5}");
}

#[tokio::test]
async fn parameters_of_the_path_are_shared_and_replaced() {
    let paths = json!({ "/p/{id}": {
        "parameters": [
            { "$ref": "#/components/parameters/Id" },
            parameter("page", "query", json!({ "schema": { "type": "integer" } })),
        ],
        "get": { "operationId": "call", "parameters": [parameter("page", "query", json!({ "schema": { "enum": ["first"] } }))] },
        "delete": {},
    } });
    let components = json!({ "parameters": { "Id": parameter("id", "path", json!({})) } });
    let api = Api::empty();
    let client = serve(&specification("3.0.3", paths, components), &api).await;
    let reply = client
        .call("call", json!({ "id": "a", "page": 1 }))
        .await
        .unwrap();
    assert!(reply.is_error());
    client
        .call("call", json!({ "id": "a", "page": "first" }))
        .await
        .unwrap();
    assert_eq!(
        api.last().uri().path_and_query().unwrap(),
        "/v1/p/a?page=first"
    );
    client
        .call("delete_p_id", json!({ "id": "b", "page": 2 }))
        .await
        .unwrap();
    assert_eq!(api.last().uri().path_and_query().unwrap(), "/v1/p/b?page=2");
    assert_eq!(api.last().method(), "DELETE");
}

fn with_body(media: &str, content: Value) -> String {
    let body = json!({ "required": true, "content": { media: content } });
    one("post", "/p", json!({ "requestBody": body }))
}

#[tokio::test]
async fn bodies_are_encoded_as_their_media_type() {
    let any = json!({ "schema": {} });
    for (media, content, value, sent, bytes) in [
        (
            "application/json",
            any.clone(),
            json!([1, null]),
            "application/json",
            "[1,null]",
        ),
        (
            "application/merge-patch+json",
            any.clone(),
            json!({ "a": null }),
            "application/merge-patch+json",
            "{\"a\":null}",
        ),
        ("*/*", any.clone(), json!("a"), "application/json", "\"a\""),
        (
            "text/plain",
            any.clone(),
            json!("a\nb"),
            "text/plain",
            "a\nb",
        ),
        (
            "application/xml",
            any.clone(),
            json!("<a/>"),
            "application/xml",
            "<a/>",
        ),
        (
            "application/octet-stream",
            any.clone(),
            json!("aGk="),
            "application/octet-stream",
            "hi",
        ),
        ("image/png", any.clone(), json!("aGk="), "image/png", "hi"),
        (
            "application/x-www-form-urlencoded",
            json!({
                "schema": { "type": "object" },
                "encoding": { "deep": { "style": "deepObject" }, "few": { "style": "form", "explode": false } },
            }),
            json!({ "a": "b c", "n": 1, "many": [1, 2], "deep": { "x": 1 }, "few": [1, 2], "object": { "y": 2 }, "no": null }),
            "application/x-www-form-urlencoded",
            "a=b%20c&n=1&many=1&many=2&deep%5Bx%5D=1&few=1,2&object=%7B%22y%22%3A2%7D",
        ),
    ] {
        let api = Api::empty();
        let client = serve(&with_body(media, content), &api).await;
        let reply = client.call("call", json!({ "body": value })).await.unwrap();
        assert!(!reply.is_error(), "{media}: {}", reply.text());
        let request = api.last();
        assert_eq!(request.headers()["content-type"], sent);
        assert_eq!(request.body(), bytes, "{media}");
        let reply = client.call("call", json!({})).await.unwrap();
        assert!(
            reply.text().contains("`arguments.body` is missing"),
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn bytes_that_are_not_base64_are_refused() {
    let api = Api::empty();
    let client = serve(&with_body("application/octet-stream", json!({})), &api).await;
    let reply = client.call("call", json!({ "body": "?" })).await.unwrap();
    assert_eq!(
        reply.text(),
        "`body` is not base64: encode the bytes with the standard alphabet"
    );
    assert_eq!(api.count(), 0);
}

/// Files of OpenAPI 3.0 (`format: binary`) and 3.1 (`contentMediaType`), and the other parts of a form.
#[tokio::test]
async fn files_are_uploaded_in_parts() {
    let content = json!({
        "schema": { "type": "object", "required": ["photo"], "properties": {
            "photo": { "type": "string", "format": "binary", "description": "The photo." },
            "others": { "type": "array", "items": { "contentMediaType": "image/png" } },
            "caption": { "type": "string" },
            "place": { "type": "object" },
            "notes": { "type": "string" },
        } },
        "encoding": { "others": { "contentType": "image/png" }, "notes": { "contentType": "text/markdown" } },
    });
    let api = Api::empty();
    let client = serve(&with_body("multipart/form-data", content), &api).await;
    let tools = client.tools().await.unwrap();
    let body = &tools[0]["inputSchema"]["properties"]["body"];
    assert_eq!(body["required"], json!(["photo"]));
    assert_eq!(body["properties"]["photo"]["required"], json!(["data"]));
    assert_eq!(body["properties"]["photo"]["description"], "The photo.");
    assert_eq!(
        body["properties"]["others"]["items"]["required"],
        json!(["data"])
    );
    let photo = STANDARD.encode(b"\x89PNG\r\n");
    let arguments = json!({ "body": {
        "photo": { "data": photo, "name": "a\"b\r\n.png", "type": "image/png" },
        "others": [{ "data": "MQ==" }, { "data": "Mg==", "name": "2.png" }],
        "caption": "Ein Käse",
        "place": { "x": 1 },
        "notes": "# A",
    } });
    let reply = client.call("call", arguments).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.text());
    let request = api.last();
    let media = request.headers()["content-type"].to_str().unwrap();
    let boundary = media
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let mut expected = Vec::new();
    for (head, bytes) in [
        (
            "name=\"photo\"; filename=\"a%22b%0D%0A.png\"\r\nContent-Type: image/png",
            &b"\x89PNG\r\n"[..],
        ),
        (
            "name=\"others\"; filename=\"file\"\r\nContent-Type: image/png",
            b"1",
        ),
        (
            "name=\"others\"; filename=\"2.png\"\r\nContent-Type: image/png",
            b"2",
        ),
        ("name=\"caption\"", "Ein Käse".as_bytes()),
        (
            "name=\"place\"\r\nContent-Type: application/json",
            b"{\"x\":1}",
        ),
        ("name=\"notes\"\r\nContent-Type: text/markdown", b"# A"),
    ] {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        expected.extend(head.bytes());
        expected.extend(bytes);
        expected.extend(b"\r\n");
    }
    expected.extend(format!("--{boundary}--\r\n").bytes());
    assert_eq!(request.body().to_vec(), expected);

    let wrong = json!({ "body": { "photo": { "data": "aGk=", "type": "x\r\nEvil: 1" } } });
    let reply = client.call("call", wrong).await.unwrap();
    assert!(
        reply.text().contains("`photo.type` is a media type"),
        "{}",
        reply.text()
    );
}

/// The media type that a model writes best is used.
#[tokio::test]
async fn json_is_preferred() {
    let content = json!({
        "application/xml": {}, "application/x-www-form-urlencoded": {}, "application/json": { "schema": { "type": "integer" } },
    });
    let operation = json!({ "requestBody": { "content": content } });
    let api = Api::empty();
    let client = serve(&one("put", "/p", operation), &api).await;
    client.call("call", json!({ "body": 7 })).await.unwrap();
    assert_eq!(api.last().headers()["content-type"], "application/json");
    assert_eq!(api.last().body(), "7");
    client.call("call", json!({})).await.unwrap();
    assert_eq!(api.last().body(), "");
}
