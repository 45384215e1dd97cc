//! A web server for the tests.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::http::header::USER_AGENT;
use tokio::net::TcpListener;

/// The answer to a request.
pub(super) struct Answer(pub(super) Response<Body>);

impl Answer {
    pub(super) fn new(kind: &str, body: impl Into<Body>) -> Self {
        let mut response = Response::builder();
        if !kind.is_empty() {
            response = response.header("Content-Type", kind);
        }
        Self(response.body(body.into()).unwrap())
    }

    pub(super) fn html(body: impl Into<Body>) -> Self {
        Self::new("text/html", body)
    }

    pub(super) fn status(status: u16) -> Self {
        let response = Response::builder().status(status);
        Self(response.body(Body::empty()).unwrap())
    }

    pub(super) fn redirect(target: &str) -> Self {
        // A new connection makes the client look up the name again.
        let response = Response::builder()
            .status(302)
            .header("Connection", "close");
        Self(
            response
                .header("Location", target)
                .body(Body::empty())
                .unwrap(),
        )
    }
}

/// A request that a site has received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) agent: String,
    pub(super) authorization: bool,
}

/// A web server that remembers its requests.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Site {
    /// Serves answers by the path and the query of a request.
    pub(super) async fn start(
        ip: IpAddr,
        answer: impl Fn(&str) -> Answer + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(SocketAddr::new(ip, 0), answer).await
    }

    pub(super) async fn start_at(
        address: SocketAddr,
        answer: impl Fn(&str) -> Answer + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let site = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
        };
        let received = Arc::clone(&site.received);
        let router = Router::new().fallback(async move |request: Request| {
            let path = request.uri().to_string();
            let header = |name| request.headers().get(name);
            let one = Received {
                agent: header(USER_AGENT)
                    .map_or_else(String::new, |it| it.to_str().unwrap().to_owned()),
                authorization: request.headers().contains_key("authorization"),
                path: path.clone(),
            };
            received
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(one);
            answer(&path).0
        });
        tokio::spawn(axum::serve(listener, router).into_future());
        site
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
