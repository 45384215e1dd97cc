//! The components of a specification, and the rules of the user about them.

use mcp_runtime::{ClientError, Context, ExposeAs, OpenApi, Resource, Server, Tool};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::api::{Api, connect, serve, specification};

fn shop() -> String {
    let id = json!({ "name": "item-id", "in": "path", "required": true, "schema": { "type": "integer" } });
    let paths = json!({
        "/items": {
            "get": {
                "operationId": "items/list", "summary": "List items", "tags": ["items"],
                "parameters": [
                    { "name": "limit", "in": "query", "schema": { "type": "integer" } },
                    { "name": "tag", "in": "query", "schema": { "type": "array", "items": { "type": "string" } } },
                ],
            },
            "post": { "operationId": "items/create", "description": "Create an item.", "tags": ["items"] },
        },
        "/items/{item-id}": {
            "parameters": [id],
            "get": { "operationId": "items/get", "tags": ["items"] },
            "put": { "summary": "Replace", "description": "Replace the item." },
            "delete": { "operationId": "items/delete", "deprecated": true, "tags": ["admin"] },
            "head": {},
        },
        "x-extra": {},
    });
    specification("3.1.0", paths, json!({}))
}

#[tokio::test]
async fn operations_are_tools_with_hints() {
    let client = serve(&shop(), &Api::empty()).await;
    let tools = client.tools().await.unwrap();
    let shown: Vec<_> = tools
        .iter()
        .map(|tool| {
            let name = tool["name"].as_str().unwrap();
            (
                name,
                tool["description"].as_str().unwrap(),
                tool["annotations"].clone(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("items_list", "List items", json!({ "readOnlyHint": true })),
            ("items_create", "Create an item.", Value::Null),
            (
                "items_get",
                "GET /items/{item-id}",
                json!({ "readOnlyHint": true })
            ),
            (
                "put_items_item-id",
                "Replace the item.",
                json!({ "idempotentHint": true })
            ),
            (
                "items_delete",
                "Deprecated. DELETE /items/{item-id}",
                json!({ "destructiveHint": true, "idempotentHint": true })
            ),
        ]
    );
    assert_eq!(tools[0]["title"], "List items");
}

#[tokio::test]
async fn rules_choose_by_method_path_tag_and_id() {
    let api = Api::new(200, "application/json", "[1]");
    let spec = OpenApi::new(&shop())
        .unwrap()
        .rules(|operation| match (operation.method(), operation.id()) {
            _ if operation.has_tag("admin") || operation.is_deprecated() => ExposeAs::Hidden,
            (_, Some("items/create")) => ExposeAs::Hidden,
            ("GET", _) if operation.path().starts_with("/items") => ExposeAs::Resource,
            _ => ExposeAs::Tool,
        })
        .rename("PUT /items/{item-id}", "replace")
        .describe("PUT /items/{item-id}", "Replace it.")
        .rename("items/get", "item");
    let client = connect(spec, &api).await;
    let tools = client.tools().await.unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(
        (&tools[0]["name"], &tools[0]["description"]),
        (&json!("replace"), &json!("Replace it."))
    );
    let templates = client
        .request("resources/templates/list", json!({}))
        .await
        .unwrap();
    let templates = templates["resourceTemplates"].as_array().unwrap();
    let uris: Vec<_> = templates
        .iter()
        .map(|it| {
            (
                it["name"].as_str().unwrap(),
                it["uriTemplate"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        uris,
        [
            ("items_list", "api://items{?limit,tag*}"),
            ("item", "api://items/{item_id}")
        ]
    );
    let contents = client
        .read("api://items?limit=5&tag=a&tag=b%20c")
        .await
        .unwrap();
    assert_eq!(contents[0]["text"], "[1]");
    assert_eq!(contents[0]["mimeType"], "application/json");
    let uri = "https://api.example.com/v1/items?limit=5&tag=a&tag=b%20c";
    assert_eq!(api.last().uri(), uri);
    client.read("api://items/7").await.unwrap();
    assert_eq!(api.last().uri().path(), "/v1/items/7");
}

#[tokio::test]
async fn a_resource_that_the_api_does_not_have_is_not_found() {
    let spec = || {
        OpenApi::new(&shop())
            .unwrap()
            .rules(|it| match it.method() {
                "GET" => ExposeAs::Resource,
                _ => ExposeAs::Hidden,
            })
    };
    let client = connect(spec(), &Api::new(404, "text/plain", "no")).await;
    let error = client.read("api://items/7").await.unwrap_err();
    assert!(matches!(error, ClientError::Rpc { .. }), "{error}");
    let client = connect(spec(), &Api::new(500, "text/plain", "broken")).await;
    let error = client.read("api://items/7").await.unwrap_err().to_string();
    assert!(
        error.contains("500 Internal Server Error") && error.contains("broken"),
        "{error}"
    );
}

/// A component of the user takes the place of the generated one, whichever is added first.
#[tokio::test]
async fn components_of_the_user_take_the_place_of_generated_ones() {
    async fn own(_: Value, _: Context) -> &'static str {
        "mine"
    }
    let tool = || Tool::new("items_get", json!({ "type": "object" }), own).description("My own.");
    let resource = || Resource::new("api://items{?limit,tag*}", "mine", own);
    let api = Api::new(200, "text/plain", "theirs");
    let generated = || {
        let spec = OpenApi::new(&shop()).unwrap();
        Server::openapi(
            spec.rules(|it| match it.id() {
                Some("items/list") => ExposeAs::Resource,
                _ => ExposeAs::Tool,
            }),
            api.clone(),
        )
        .unwrap()
    };
    let added = generated().with(tool()).with(resource());
    let outer = Server::new("outer", "1")
        .with(tool())
        .mount_without_prefix(generated().without_tagged(["items"]));
    let client = added.connect().await;
    assert_eq!(
        client.call("items_get", json!({})).await.unwrap().text(),
        "mine"
    );
    assert_eq!(client.read("api://items").await.unwrap()[0]["text"], "mine");
    let tools = client.tools().await.unwrap();
    assert_eq!(
        tools.iter().filter(|it| it["name"] == "items_get").count(),
        1
    );
    let other = client.call("items_create", json!({})).await.unwrap();
    assert_eq!(other.text(), "theirs");
    let client = outer.connect().await;
    assert_eq!(
        client.call("items_get", json!({})).await.unwrap().text(),
        "mine"
    );
}

/// Names that are the same once they are valid, and long ones.
#[tokio::test]
async fn names_are_unique_and_short() {
    let long = "x".repeat(100);
    let operation = |id: &str| json!({ "operationId": id });
    let paths = json!({
        "/a": { "get": operation("a b") }, "/b": { "get": operation("a/b") }, "/c": { "get": operation(&long) },
    });
    let client = serve(&specification("3.1.0", paths, json!({})), &Api::empty()).await;
    let tools = client.tools().await.unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[0], "a_b");
    assert!(
        names[1].starts_with("a_b_") && names[1].len() == 12,
        "{}",
        names[1]
    );
    assert_eq!(names[2].len(), 64);
}

/// The base URL: that of the user, then those of the operation, the path and the specification.
#[tokio::test]
async fn the_nearest_server_is_used() {
    let paths = json!({ "/p": {
        "servers": [{ "url": "https://path.example.com" }],
        "get": { "operationId": "a", "servers": [{
            "url": "https://{region}.example.com/{v}", "variables": { "region": { "default": "eu" }, "v": { "default": "2" } },
        }] },
        "put": { "operationId": "b" },
    }, "/q": { "get": { "operationId": "c" } } });
    let spec = specification("3.0.0", paths, json!({}));
    let api = Api::empty();
    let client = serve(&spec, &api).await;
    for (name, uri) in [
        ("a", "https://eu.example.com/2/p"),
        ("b", "https://path.example.com/p"),
        ("c", "https://api.example.com/v1/q"),
    ] {
        client.call(name, json!({})).await.unwrap();
        assert_eq!(api.last().uri(), uri);
    }
    let spec = OpenApi::new(&spec)
        .unwrap()
        .base_url("http://10.0.0.1:8080/x/");
    let client = connect(spec, &api).await;
    client.call("a", json!({})).await.unwrap();
    assert_eq!(api.last().uri(), "http://10.0.0.1:8080/x/p");
}

#[tokio::test]
async fn a_specification_may_be_yaml() {
    let spec = "
openapi: 3.0.3
info: { title: Shop, version: 1.0 }
servers: [{ url: 'https://api.example.com' }]
paths:
  /items/{id}:
    get:
      operationId: get
      responses:
        200: { description: Fine., content: { application/json: { schema: { type: object } } } }
";
    let server = Server::openapi(spec, Api::empty()).unwrap();
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    assert_eq!(tools[0]["outputSchema"], json!({ "type": "object" }));
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["id"]));
}

#[tokio::test]
async fn tags_select_tools() {
    let server = Server::openapi(shop(), Api::empty()).unwrap();
    let client = server.only_tagged(["admin"]).connect().await;
    let tools = client.tools().await.unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0]["name"], "items_delete");
}
