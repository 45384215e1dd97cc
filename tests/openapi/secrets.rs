//! Security schemes and their secrets.

use mcp_runtime::{OpenApi, Secret, Server, ToolError};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::api::{Api, connect, specification};

fn spec(security: Value) -> OpenApi {
    let schemes = json!({ "securitySchemes": {
        "header": { "type": "apiKey", "in": "header", "name": "X-Key" },
        "query": { "type": "apiKey", "in": "query", "name": "key" },
        "cookie": { "type": "apiKey", "in": "cookie", "name": "sid" },
        "bearer": { "type": "http", "scheme": "Bearer" },
        "basic": { "type": "http", "scheme": "basic" },
        "oauth": { "type": "oauth2", "flows": {} },
        "oidc": { "type": "openIdConnect", "openIdConnectUrl": "https://x" },
        "mtls": { "type": "mutualTLS" },
    } });
    let parameters = json!([
        { "name": "x-key", "in": "header", "required": true }, { "name": "key", "in": "query" }, { "name": "q", "in": "query" },
    ]);
    let operation =
        json!({ "operationId": "call", "parameters": parameters, "security": security });
    let other = json!({ "operationId": "other", "security": security, "servers": [{ "url": "https://evil.example" }] });
    let paths = json!({ "/p": { "get": operation, "put": other } });
    OpenApi::new(&specification("3.1.0", paths, schemes)).unwrap()
}

#[tokio::test]
async fn each_scheme_sends_its_secret() {
    for (scheme, place) in [
        ("header", "x-key: s3cret/+"),
        ("query", "?key=s3cret%2F%2B"),
        ("cookie", "cookie: sid=s3cret%2F%2B"),
        ("bearer", "authorization: Bearer s3cret/+"),
        ("basic", "authorization: Basic czNjcmV0Lys="),
        ("oauth", "authorization: Bearer s3cret/+"),
        ("oidc", "authorization: Bearer s3cret/+"),
    ] {
        let api = Api::empty();
        let spec = spec(json!([{ scheme: [] }])).credential(scheme, "s3cret/+".to_owned());
        let client = connect(spec, &api).await;
        let tools = client.tools().await.unwrap();
        let arguments = tools[0]["inputSchema"]["properties"].as_object().unwrap();
        assert_eq!(arguments.keys().collect::<Vec<_>>(), ["q"]);
        client.call("call", json!({})).await.unwrap();
        let request = api.last();
        let sent = match place.split_once(": ") {
            Some((name, value)) => request.headers()[name] == value,
            None => request.uri().to_string().ends_with(place),
        };
        assert!(sent, "{scheme}: {request:?}");
        // Another host than that of the specification receives nothing.
        client.call("other", json!({})).await.unwrap();
        let request = api.last();
        assert_eq!(request.uri(), "https://evil.example/p");
        assert_eq!(request.headers().len(), 1, "{request:?}");
    }
}

#[tokio::test]
async fn the_first_alternative_with_all_secrets_is_used() {
    let security = json!([{ "mtls": [] }, { "header": [], "bearer": [] }, { "query": [] }, {}]);
    for (secrets, expected) in [
        (&["bearer"][..], ""),
        (&["query"], "key"),
        (&["header", "bearer", "query"], "x-key authorization"),
    ] {
        let api = Api::empty();
        let spec = secrets.iter().fold(spec(security.clone()), |spec, it| {
            spec.credential(*it, "s3cret".to_owned())
        });
        let client = connect(spec, &api).await;
        client.call("call", json!({})).await.unwrap();
        let request = api.last();
        let headers = request.headers().keys().map(http::HeaderName::as_str);
        let mut sent: Vec<_> = headers.filter(|it| *it != "accept").collect();
        sent.extend(request.uri().query().map(|it| &it[..3]));
        assert_eq!(sent.join(" "), expected, "{secrets:?}");
    }
}

#[tokio::test]
async fn a_secret_store_is_asked_for_each_request() {
    async fn secret(scheme: String) -> Result<Option<Secret<String>>, ToolError> {
        match scheme.as_str() {
            "bearer" => Ok(Some(Secret::new("fresh".to_owned()))),
            "oauth" => Err(ToolError::new("the store is locked")),
            _ => Ok(None),
        }
    }
    let api = Api::empty();
    let client = connect(
        spec(json!([{ "header": [] }, { "bearer": [] }])).secret_store(secret),
        &api,
    )
    .await;
    client.call("call", json!({})).await.unwrap();
    assert_eq!(api.last().headers()["authorization"], "Bearer fresh");
    let client = connect(spec(json!([{ "oauth": [] }])).secret_store(secret), &api).await;
    let reply = client.call("call", json!({})).await.unwrap();
    assert_eq!(
        (reply.is_error(), reply.text().as_str()),
        (true, "the store is locked")
    );
    assert_eq!(api.count(), 1);
}

/// Secrets are in no error, even if the client or the API repeats them.
#[tokio::test]
async fn secrets_are_not_shown() {
    let key = "k3y/with+signs".to_owned();
    let with = |scheme: &str| spec(json!([{ scheme: [] }])).credential(scheme, key.clone());
    for scheme in ["header", "query", "basic", "bearer"] {
        let echo = format!(
            "bad k3y/with+signs k3y%2Fwith%2Bsigns {}",
            "azN5L3dpdGgrc2lnbnM="
        );
        let client = connect(with(scheme), &Api::new(401, "text/plain", echo)).await;
        let text = client.call("call", json!({})).await.unwrap().text();
        assert!(
            text.contains("bad [secret]") && !text.contains("k3y/with"),
            "{text}"
        );
        assert!(scheme != "query" || !text.contains("k3y%2F"), "{text}");
        assert!(scheme != "basic" || !text.contains("azN5"), "{text}");

        let failing = async |request: http::Request<bytes::Bytes>| {
            let error = format!("cannot connect to {}", request.uri());
            Err::<http::Response<bytes::Bytes>, _>(ToolError::from(error))
        };
        let client = Server::openapi(with(scheme), failing)
            .unwrap()
            .connect()
            .await;
        let text = client.call("call", json!({})).await.unwrap().text();
        assert!(
            text.starts_with("cannot connect to https://api.example.com/v1/p"),
            "{text}"
        );
        assert!(!text.contains("k3y"), "{text}");
    }
    let debug = format!("{:?}", with("header"));
    assert!(!debug.contains("k3y"), "{debug}");
}

#[tokio::test]
async fn a_secret_that_a_header_cannot_have_is_an_error_without_it() {
    let spec = spec(json!([{ "bearer": [] }])).credential("bearer", "line\nbreak".to_owned());
    let api = Api::empty();
    let client = connect(spec, &api).await;
    let reply = client.call("call", json!({})).await.unwrap();
    assert_eq!(
        reply.text(),
        "the credential in `authorization` is not valid in a header"
    );
    assert_eq!(api.count(), 0);
}

/// An error of the client is hidden with `mask_errors`, unless its text is meant for the model.
#[tokio::test]
async fn errors_of_the_client_can_be_masked() {
    async fn failing(
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, ToolError> {
        match request.uri().query() {
            None => Err(ToolError::from("internal host 10.0.0.1")),
            Some(_) => Err(ToolError::new("try again later")),
        }
    }
    let server = Server::openapi(spec(json!([])), failing).unwrap();
    let client = server.mask_errors().connect().await;
    let text = client.call("call", json!({})).await.unwrap().text();
    assert!(!text.contains("10.0.0.1"), "{text}");
    let text = client
        .call("call", json!({ "q": "x" }))
        .await
        .unwrap()
        .text();
    assert_eq!(text, "try again later");
}
