//! The client that sends the requests of tools to an HTTP API.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::header::{HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::error::ToolError;
use crate::service::BoxFuture;

/// A client that sends the requests of [`Server::openapi`](crate::Server::openapi): [`HttpClient`], or a function with a client of
/// the application.
///
/// A request is complete, with credentials. A response has any status; an error means that there is none. Its text is shown to the
/// model, without the values of credentials.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use mcp_runtime::{Server, ToolError};
/// use serde_json::json;
///
/// async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, ToolError> {
///     assert_eq!(request.uri(), "https://api.example.com/time");
///     Ok(Response::new(Bytes::from("noon")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let specification = r#"{
///     "openapi": "3.1.0",
///     "info": { "title": "Clock", "version": "1.0.0" },
///     "servers": [{ "url": "https://api.example.com" }],
///     "paths": { "/time": { "get": { "operationId": "time" } } }
/// }"#;
/// let client = Server::openapi(specification, send)?.client().await;
/// assert_eq!(client.call("time", json!({})).await?.text(), "noon");
/// # Ok(())
/// # }
/// ```
pub trait ApiClient: Send + Sync + 'static {
    /// Sends a request, and returns the response with its whole body.
    ///
    /// # Errors
    /// Returns an error if there is no response, or if it is too large.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<Result<Response<Bytes>, ToolError>>;
}

impl<F, Fut> ApiClient for F
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Bytes>, ToolError>> + Send + 'static,
{
    fn send(&self, request: Request<Bytes>) -> BoxFuture<Result<Response<Bytes>, ToolError>> {
        Box::pin(self(request))
    }
}

type Connected = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The built-in client: HTTP/1.1 with kept connections, and TLS with the certificate authorities of the system.
///
/// It follows no redirect, waits at most 30 s for a response, and reads at most 8 MiB of it.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::HttpClient;
///
/// let patient = HttpClient::new().time_limit(Duration::from_secs(120)).largest_response(64 << 20);
/// ```
#[derive(Clone)]
pub struct HttpClient {
    time_limit: Duration,
    largest: usize,
    /// Created for the first request.
    client: Arc<OnceLock<Connected>>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("HttpClient");
        shown.field("time_limit", &self.time_limit);
        shown.field("largest_response", &self.largest);
        shown.finish_non_exhaustive()
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient {
    /// Creates a client. It connects for the first request.
    pub fn new() -> Self {
        Self {
            time_limit: Duration::from_secs(30),
            largest: 8 << 20,
            client: Arc::default(),
        }
    }

    /// Sets the maximum time of a request, to the end of its response. The default is 30 s.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets the maximum size of a response in bytes. The default is 8 MiB. A larger response is an error.
    pub fn largest_response(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    fn client(&self) -> Result<&Connected, ToolError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // The provider is named, because an application may have none as the default of its process.
        let provider = aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| {
                ToolError::new(format!(
                    "the certificate authorities of the system cannot be read: {error}; install its package ca-certificates, or \
                     set SSL_CERT_FILE"
                ))
            })?;
        let connector = connector.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(self.client.get_or_init(|| client))
    }

    async fn exchange(self, mut request: Request<Bytes>) -> Result<Response<Bytes>, ToolError> {
        let agent = concat!("mcp-runtime/", env!("CARGO_PKG_VERSION"));
        let headers = request.headers_mut();
        let agent = HeaderValue::from_static(agent);
        headers.entry(USER_AGENT).or_insert(agent);
        let response = self.client()?.request(request.map(Full::new)).await;
        let response = response.map_err(|error| {
            ToolError::new(format!("the API cannot be reached: {}", causes(&error)))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.largest).collect().await;
        let body = body.map_err(|error| {
            ToolError::new(if error.is::<LengthLimitError>() {
                format!(
                    "the response is larger than {} bytes: ask for less",
                    self.largest
                )
            } else {
                format!("the response is not complete: {}", causes(&*error))
            })
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl ApiClient for HttpClient {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<Result<Response<Bytes>, ToolError>> {
        let client = self.clone();
        Box::pin(async move {
            let limit = client.time_limit;
            timeout(limit, client.exchange(request))
                .await
                .map_err(|_| ToolError::new(format!("the API does not answer within {limit:?}")))?
        })
    }
}

/// Returns the innermost cause of an error, which names the reason.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
