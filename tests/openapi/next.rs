//! What a model can call next: pages and links.

use serde_json::json;

use crate::api::{Api, one, serve, specification};

#[tokio::test]
async fn the_next_page_is_named_by_its_arguments() {
    let operation = json!({ "parameters": [
        { "name": "page", "in": "query", "schema": { "type": "integer" } },
        { "name": "per_page", "in": "query", "schema": { "type": "integer" } },
        { "name": "cursor[after]", "in": "query", "schema": { "type": "string" } },
    ] });
    let link = "<https://api.example.com/v1/p?page=3&per_page=10&cursor%5Bafter%5D=a%26b&own=1>; rel=\"next\", <https://api.example.com/v1/p?page=1&per_page=10>; rel=\"prev\", <https://x/>; rel=\"self\"";
    let api = Api::with_headers(200, &[("link", link)], "[]");
    let client = serve(&one("get", "/p", operation), &api).await;
    let reply = client
        .call("call", json!({ "page": 2, "per_page": 10 }))
        .await
        .unwrap();
    let texts: Vec<_> = reply
        .content()
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "[]",
            "The next page: call `call` again, with {\"page\":3,\"cursor_after\":\"a&b\"} among its arguments.",
            "The previous page: call `call` again, with {\"page\":1} among its arguments.",
        ]
    );
    let api = Api::with_headers(200, &[("link", "</other>; rel=next")], "[]");
    let client = serve(&one("get", "/p", json!({})), &api).await;
    let reply = client.call("call", json!({})).await.unwrap();
    assert_eq!(reply.content()[1]["text"], "The next page is at /other.");
}

#[tokio::test]
async fn links_of_the_specification_are_followed_by_tools() {
    let links = json!({
        "body": { "operationId": "users/get", "parameters": { "path.id": "$response.body#/user/id" }, "description": "The user." },
        "header": { "operationRef": "#/paths/~1users~1{id}/get", "parameters": { "id": "$response.header.X-Id" } },
        "request": { "operationId": "users/get", "parameters": { "id": "$request.query.q", "max": 5, "all": "$request.body#/a" } },
        "missing": { "operationId": "users/get", "parameters": { "id": "$response.body#/none" } },
        "unknown": { "operationId": "none", "parameters": {} },
        "referred": { "$ref": "#/components/links/L" },
    });
    let paths = json!({
        "/find": { "post": {
            "operationId": "find",
            "parameters": [{ "name": "q", "in": "query" }],
            "requestBody": { "content": { "application/json": {} } },
            "responses": { "200": { "description": "", "links": links } },
        } },
        "/users/{id}": { "get": { "operationId": "users/get" } },
    });
    let components = json!({ "links": { "L": { "operationId": "find", "parameters": {} } } });
    let spec = specification("3.0.2", paths, components);
    let headers = [("content-type", "application/json"), ("x-id", "9")];
    let api = Api::with_headers(200, &headers, r#"{"user":{"id":7}}"#);
    let client = serve(&spec, &api).await;
    let reply = client
        .call("find", json!({ "q": "x", "body": { "a": [1] } }))
        .await
        .unwrap();
    let texts: Vec<_> = reply.content()[1..]
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "Next: call `users_get` with {\"id\":7}. The user.",
            "Next: call `users_get` with {\"id\":\"9\"}.",
            "Next: call `users_get` with {\"id\":\"x\",\"max\":5,\"all\":[1]}.",
            "Next: call `find` with {}.",
        ]
    );
}
