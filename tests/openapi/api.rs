//! An API that records requests, and answers with one response.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use mcp_runtime::{ApiClient, BoxFuture, OpenApi, Server, ToolError};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

/// An API.
#[derive(Clone)]
pub(crate) struct Api {
    response: Arc<dyn Fn() -> Response<Bytes> + Send + Sync>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Api {
    /// An API with this response to all requests.
    pub(crate) fn new(status: u16, media: &str, body: impl Into<Bytes>) -> Self {
        Self::with_headers(status, &[("content-type", media)], body)
    }

    /// The same with these headers.
    pub(crate) fn with_headers(
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Self {
        let body = body.into();
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let response = move || {
            let mut response = Response::builder().status(status);
            for (name, value) in &headers {
                response = response.header(name, value);
            }
            response.body(body.clone()).unwrap()
        };
        Self {
            response: Arc::new(response),
            requests: Arc::default(),
        }
    }

    /// An API that answers with an empty object.
    pub(crate) fn empty() -> Self {
        Self::new(200, "application/json", "{}")
    }

    /// Returns the last request.
    pub(crate) fn last(&self) -> Request<Bytes> {
        let requests = self.requests.lock().unwrap();
        requests.last().expect("a request").clone()
    }

    /// Returns the number of requests.
    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

impl ApiClient for Api {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<Result<Response<Bytes>, ToolError>> {
        self.requests.lock().unwrap().push(request);
        let response = (self.response)();
        Box::pin(async move { Ok(response) })
    }
}

/// Returns a specification with these paths and components.
pub(crate) fn specification(version: &str, paths: Value, components: Value) -> String {
    json!({
        "openapi": version,
        "info": { "title": "Test", "version": "1" },
        "servers": [{ "url": "https://api.example.com/v1/" }],
        "paths": paths,
        "components": components,
    })
    .to_string()
}

/// Returns a specification with one operation `call`.
pub(crate) fn one(method: &str, path: &str, mut operation: Value) -> String {
    operation["operationId"] = "call".into();
    if operation.get("responses").is_none() {
        operation["responses"] = json!({ "200": { "description": "Done." } });
    }
    specification("3.1.0", json!({ path: { method: operation } }), json!({}))
}

/// Returns a validating client of a server with this specification.
pub(crate) async fn serve(specification: &str, api: &Api) -> Client {
    let spec = OpenApi::new(specification).unwrap();
    connect(spec, api).await
}

/// Returns a validating client of a server with these options.
pub(crate) async fn connect(spec: OpenApi, api: &Api) -> Client {
    Server::openapi(spec, api.clone()).unwrap().connect().await
}

/// Returns the problems of a specification.
pub(crate) fn problems(specification: &str) -> String {
    match Server::openapi(specification, Api::empty()) {
        Ok(_) => panic!("the specification is accepted"),
        Err(error) => error.to_string(),
    }
}
