//! An authorization server on loopback that answers with whatever a test says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::signer::Signer;
use crate::sync::Mutex;

pub(super) const METADATA: &str = "/.well-known/oauth-authorization-server";
pub(super) const OPENID: &str = "/.well-known/openid-configuration";

/// An answer to a request.
#[derive(Clone)]
pub(super) enum Answer {
    Json(Value),
    Raw(String),
    Status(u16),
    Redirect(String),
    /// No answer.
    Never,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<String, Answer>>,
    received: Mutex<Vec<Received>>,
}

/// The server. It ends when it is dropped.
pub(super) struct TestIssuer {
    pub(super) url: String,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl TestIssuer {
    /// Starts an issuer with metadata, and with these keys.
    pub(super) async fn start(keys: &[&Signer]) -> Self {
        let issuer = Self::serve(None, "127.0.0.1").await;
        issuer.describe(METADATA, &issuer.url);
        issuer.publish(keys);
        issuer
    }

    /// Starts an issuer without documents. `host` is that of its URL.
    pub(super) async fn serve(tls: Option<TlsAcceptor>, host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let script = Arc::new(Script::default());
        Self {
            url: format!("{scheme}://{host}:{port}"),
            task: tokio::spawn(accept(listener, tls, Arc::clone(&script))),
            script,
        }
    }

    /// Publishes metadata of this issuer.
    pub(super) fn describe(&self, path: &str, issuer: &str) {
        let metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{}/keys", self.url),
            "introspection_endpoint": format!("{}/introspect?tenant=1", self.url),
        });
        self.answer(path, Answer::Json(metadata));
    }

    pub(super) fn publish(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk.clone()).collect();
        self.answer("/keys", Answer::Json(json!({ "keys": keys })));
    }

    pub(super) fn answer(&self, path: &str, answer: Answer) {
        self.script.answers.lock().insert(path.to_owned(), answer);
    }

    /// Returns the number of requests of this path.
    pub(super) fn count(&self, path: &str) -> usize {
        self.received().iter().filter(|it| it.path == path).count()
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.script.received.lock().clone()
    }

    /// Stops to listen, and returns when that is done.
    pub(super) async fn go_away(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, script) = (tls.clone(), Arc::clone(&script));
        connections.spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        speak(stream, script).await;
                    }
                }
                None => speak(stream, script).await,
            }
        });
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, script: Arc<Script>) {
    let service = service_fn(|request| script.respond(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}

impl Script {
    async fn respond(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let authorization = request.headers().get(AUTHORIZATION);
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.received.lock().push(Received {
            path: path.clone(),
            authorization,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        let answer = self.answers.lock().get(&path).cloned();
        Ok(response(answer.unwrap_or(Answer::Status(404))).await)
    }
}

async fn response(answer: Answer) -> Response<Full<Bytes>> {
    let (status, body) = match &answer {
        Answer::Json(value) => (200, value.to_string()),
        Answer::Raw(body) => (200, body.clone()),
        Answer::Status(status) => (*status, String::new()),
        Answer::Redirect(_) => (302, String::new()),
        Answer::Never => std::future::pending().await,
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Answer::Redirect(to) = answer {
        response.headers_mut().insert(LOCATION, to.parse().unwrap());
    }
    response
}
