//! Specifications and options that are refused, and specifications that want too much.

use mcp_runtime::{ExposeAs, OpenApi, Server};
use mcp_tests::client::Connect as _;
use serde_json::json;

use crate::api::{Api, one, problems, specification};

#[test]
fn texts_that_are_no_specification_are_refused() {
    for (text, message) in [
        ("{", "the specification is not valid JSON: EOF"),
        ("a: [", "the specification is not valid YAML"),
        ("", "no member `openapi`"),
        ("[]", "no member `openapi`"),
        ("{}", "no member `openapi`"),
        (
            r#"{ "swagger": "2.0" }"#,
            "Swagger 2.0: convert it to OpenAPI 3",
        ),
        (
            r#"{ "openapi": "4.0.0" }"#,
            "OpenAPI 4.0.0 is not supported",
        ),
        (r#"{ "openapi": "3.1.0" }"#, "has no `paths`"),
        (&"[".repeat(100_000), "the specification is not valid YAML"),
        (
            &format!("{{\"a\":{}", "[".repeat(100_000)),
            "recursion limit",
        ),
    ] {
        let error = problems(text);
        assert!(error.contains(message), "{error}");
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
         d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
         g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
    assert!(problems(bomb).contains("YAML"), "{}", problems(bomb));
}

#[test]
fn mistakes_of_operations_name_them() {
    let parameter = |more: serde_json::Value| json!({ "parameters": [more] });
    for (operation, message) in [
        (
            parameter(json!({ "$ref": "#/x" })),
            "GET /p: `#/x` is not in the specification",
        ),
        (
            parameter(json!({ "$ref": "https://evil.example/a.json#/x" })),
            "GET /p: `https://evil.example/a.json#/x` is in another document, which is never fetched",
        ),
        (
            parameter(json!({ "in": "query" })),
            "GET /p: the parameter null has no `name` or no known `in`",
        ),
        (
            parameter(json!({ "name": "a", "in": "query", "style": "x" })),
            "GET /p: the parameter `a` has the unknown style `x`",
        ),
        (
            parameter(
                json!({ "name": "a", "in": "query", "schema": { "$ref": "file:///etc/passwd" } }),
            ),
            "GET /p: `file:///etc/passwd` is in another document",
        ),
        (
            json!({ "requestBody": { "$ref": "#/paths/~1p/get/requestBody" } }),
            "leads to itself",
        ),
        (
            json!({ "servers": [{ "url": "http://10.0.0.1" }] }),
            "is not `https`: set `.base_url(\"http://10.0.0.1\")`",
        ),
        (
            json!({ "servers": [{ "url": "https://user@a" }] }),
            "is not absolute, or has a user",
        ),
        (json!({ "servers": [{ "url": "/v1" }] }), "is not absolute"),
        (
            json!({ "servers": [{ "url": "https://a?b" }] }),
            "has a query",
        ),
    ] {
        let error = problems(&one("get", "/p", operation));
        assert!(error.contains(message), "{error}");
    }
}

/// A hidden operation may have mistakes.
#[test]
fn mistakes_of_hidden_operations_do_not_matter() {
    let spec = one("get", "/p", json!({ "parameters": [{ "$ref": "#/x" }] }));
    let spec = OpenApi::new(&spec).unwrap().rules(|_| ExposeAs::Hidden);
    assert!(Server::openapi(spec, Api::empty()).is_ok());
}

#[test]
fn wrong_options_are_refused() {
    let spec = || OpenApi::new(&one("post", "/p", json!({}))).unwrap();
    let header = json!({ "parameters": [{ "name": "X-A", "in": "header", "required": true }] });
    let with_header = OpenApi::new(&one("get", "/p", header)).unwrap();
    for (spec, message) in [
        (spec().rename("x", "y"), "there is no operation `x`"),
        (
            spec().describe("POST /q", "y"),
            "there is no operation `POST /q`",
        ),
        (
            spec().credential("token", "s".to_owned()),
            "there is no security scheme `token`",
        ),
        (
            spec().base_url("api.example.com"),
            "the base URL `api.example.com` is not absolute",
        ),
        (spec().base_url("ftp://a"), "neither `https` nor `http`"),
        (
            spec().rules(|_| ExposeAs::Resource),
            "only operations with the method GET can be resources, not POST",
        ),
        (
            with_header.rules(|_| ExposeAs::Resource),
            "no place for the parameter `X-A` in a header",
        ),
    ] {
        let error = Server::openapi(spec, Api::empty()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn many_problems_are_shown_in_part() {
    let operation = json!({ "requestBody": { "$ref": "#/x" } });
    let mut paths = json!({});
    for number in 0..50 {
        paths[format!("/p{number}")] = json!({ "get": operation });
    }
    let error = problems(&specification("3.1.0", paths, json!({})));
    assert!(
        error.starts_with("the specification has 50 problems:\n- GET /p0: "),
        "{error}"
    );
    assert!(error.ends_with("\n- and 30 more"), "{error}");
}

/// A chain of references that leads to itself at every place where one may be.
#[tokio::test]
async fn references_to_themselves_end() {
    let loops = json!({ "$ref": "#/components/schemas/Loop" });
    let operation = json!({
        "operationId": "call",
        "requestBody": { "content": { "application/json": { "schema": { "allOf": [loops] } } } },
        "responses": { "200": { "description": "", "content": { "application/json": { "schema": loops } } } },
    });
    let schemas = json!({ "schemas": { "Loop": { "allOf": [loops, { "$ref": "#/components/schemas/Other" }] }, "Other": { "allOf": [loops] } } });
    let spec = specification("3.1.0", json!({ "/p": { "post": operation } }), schemas);
    let client = Server::openapi(&spec, Api::empty())
        .unwrap()
        .connect()
        .await;
    assert_eq!(client.tools().await.unwrap().len(), 1);
    let reply = client.call("call", json!({ "body": {} })).await.unwrap();
    assert!(
        reply.text().contains("too intricate to be checked"),
        "{}",
        reply.text()
    );
}
