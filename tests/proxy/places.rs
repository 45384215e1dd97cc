//! Upstream servers over stdio and HTTP, in both eras.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::IntoResponse as _;
use mcp_runtime::{
    Context, HttpService, Revision, RunningServer, Server, ServerHandle, Tool, Upstream,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::extras;

/// One revision of each era.
pub(crate) const ERAS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

/// How an upstream server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Stdio,
    Http,
}

pub(crate) const ALL: [Over; 2] = [Over::Stdio, Over::Http];

/// A server on a port of localhost, in this process.
pub(crate) struct HttpServer {
    pub(crate) address: SocketAddr,
    service: Arc<RwLock<HttpService>>,
    /// The headers of all requests.
    pub(crate) requests: Arc<Mutex<Vec<HeaderMap>>>,
    /// `true` while each request is answered with the status 500.
    pub(crate) is_broken: Arc<AtomicBool>,
    pub(crate) handle: ServerHandle,
}

impl HttpServer {
    pub(crate) async fn start(server: Server) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), server).await
    }

    pub(crate) async fn on(listener: TcpListener, server: Server) -> Self {
        let address = listener.local_addr().unwrap();
        let handle = server.handle();
        let service = Arc::new(RwLock::new(server.into_service().await.unwrap()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_broken = Arc::new(AtomicBool::new(false));
        let (current, recorded) = (Arc::clone(&service), Arc::clone(&requests));
        let fails = Arc::clone(&is_broken);
        let router = Router::new().fallback(move |request: Request<Body>| {
            recorded.lock().unwrap().push(request.headers().clone());
            let service = current.read().unwrap().clone();
            let fails = fails.load(Ordering::SeqCst);
            async move {
                if fails {
                    return StatusCode::INTERNAL_SERVER_ERROR.into_response();
                }
                service.oneshot(request).await.unwrap().map(Body::new)
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            service,
            requests,
            is_broken,
            handle,
        }
    }

    /// Replaces the server by one that knows no session.
    pub(crate) async fn restart(&self, server: Server) {
        let fresh = server.into_service().await.unwrap();
        *self.service.write().unwrap() = fresh;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(crate) fn upstream(&self) -> Upstream {
        Upstream::url(self.url()).name("upstream")
    }
}

/// Returns the upstream server that is a process.
pub(crate) fn process() -> Upstream {
    Upstream::command(env!("CARGO_BIN_EXE_upstream-server")).name("upstream")
}

/// Returns a new upstream server that speaks this revision.
pub(crate) async fn upstream(over: Over, revision: Revision) -> Upstream {
    let upstream = match over {
        Over::Stdio => process(),
        Over::Http => HttpServer::start(extras::server()).await.upstream(),
    };
    upstream.revision(revision)
}

/// Starts a gateway with this upstream server under the prefix `up`.
pub(crate) async fn gateway(upstream: Upstream) -> RunningServer {
    Server::new("gateway", "1.0.0")
        .mount("up", upstream)
        .start()
        .await
        .unwrap()
}

/// A tool of the gateway itself. It is no `#[tool]`, because the fixture would have it, too.
pub(crate) fn own() -> Tool {
    let schema = json!({ "type": "object" });
    Tool::new("own", schema, |_: Value, _: Context| async { "own" })
}
