//! An axum application of a shop: people use its routes, and models use MCP beside them. Both work on one state, behind the same
//! authentication.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{self, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, from_fn};
use axum::response::Response;
use axum::routing::get;
use mcp_runtime::prelude::*;
use mcp_runtime::{CallOutcome, Extension, LayeredCall, Next, Principal};
use tokio::net::TcpListener;

/// The state of the application. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Shop(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    /// The number of pieces of each item.
    stock: BTreeMap<String, u32>,
    /// Who called what, and how it ended.
    calls: Vec<String>,
}

impl Shop {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Clerk,
    Manager,
}

/// Admits requests with an API key. Handlers see the principal and the role of their caller.
async fn authenticate(
    mut request: Request,
    next: middleware::Next,
) -> Result<Response, StatusCode> {
    let key = request.headers().get("x-api-key");
    let (name, role) = match key.map(HeaderValue::as_bytes) {
        Some(b"key of ada") => ("ada", Role::Manager),
        Some(b"key of bob") => ("bob", Role::Clerk),
        _ => return Err(StatusCode::UNAUTHORIZED),
    };
    request.extensions_mut().insert(Principal::new(name));
    request.extensions_mut().insert(role);
    Ok(next.run(request).await)
}

/// Return the number of pieces of each item in stock.
#[tool(read_only)]
async fn stock(shop: State<Shop>) -> Json<BTreeMap<String, u32>> {
    Json(shop.books().stock.clone())
}

/// Sell pieces of an item.
#[tool]
async fn sell(
    /// The name of the item.
    item: String,
    /// The number of pieces.
    #[arg(range(1..))]
    pieces: u32,
    shop: State<Shop>,
) -> Result<String, ToolError> {
    let stock = &mut shop.books().stock;
    let left = stock.get(&item).copied().unwrap_or_default();
    let rest = left.checked_sub(pieces);
    let rest = rest.ok_or_else(|| format!("there are {left} pieces of `{item}`"))?;
    stock.insert(item, rest);
    Ok(format!("{rest} pieces are left."))
}

/// Add pieces of an item to the stock. Only managers may do so.
#[tool]
async fn restock(
    /// The name of the item.
    item: String,
    /// The number of pieces.
    #[arg(range(1..=1000))]
    pieces: u32,
    shop: State<Shop>,
    role: Extension<Role>,
) -> Result<(), ToolError> {
    if *role != Role::Manager {
        return Err(ToolError::new("only managers may add to the stock"));
    }
    *shop.books().stock.entry(item).or_default() += pieces;
    Ok(())
}

/// Records the calls of models.
async fn record(call: LayeredCall, next: Next) -> CallOutcome {
    let outcome = next.run().await;
    let caller = call.context().principal().map_or("nobody", Principal::id);
    let ended = outcome.kind().as_str();
    if let Some(shop) = call.state::<Shop>() {
        let line = format!("{caller}: {} {}: {ended}", call.kind(), call.name());
        shop.books().calls.push(line);
    }
    outcome
}

pub(crate) fn mcp(shop: Shop) -> Server {
    Server::new("shop", "1.0.0")
        .with(components![stock, sell, restock])
        .layer(record)
        .state(shop)
}

/// Serves the application until `shutdown` resolves.
async fn serve(
    listener: TcpListener,
    shop: Shop,
    mcp: Server,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let handle = mcp.handle();
    let api = Router::new()
        .route("/stock/{item}", get(pieces))
        .with_state(shop)
        .route_service("/mcp", mcp.into_service().await?)
        .layer(from_fn(authenticate));
    let application = Router::new()
        .route("/", get(|| async { "The shop" }))
        .nest("/api", api);
    let stopped = async move {
        shutdown.await;
        handle.stop().await;
    };
    axum::serve(listener, application)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

/// Returns the number of pieces of an item.
async fn pieces(
    extract::State(shop): extract::State<Shop>,
    extract::Path(item): extract::Path<String>,
) -> Result<String, StatusCode> {
    let pieces = shop.books().stock.get(&item).map(u32::to_string);
    pieces.ok_or(StatusCode::NOT_FOUND)
}

mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use hyper_util::client::legacy::Client as HttpClient;
    use hyper_util::rt::TokioExecutor;
    use serde_json::json;
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::client::{Client, ERAS};

    struct Running {
        address: String,
        end: oneshot::Sender<()>,
        done: JoinHandle<()>,
    }

    impl Running {
        async fn begin(shop: &Shop, mcp: Server) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let (end, ended) = oneshot::channel();
            let shutdown = async {
                let _ = ended.await;
            };
            let served = serve(listener, shop.clone(), mcp, shutdown);
            let done = tokio::spawn(async { served.await.unwrap() });
            Self { address, end, done }
        }

        async fn client(&self, key: &str, revision: mcp_runtime::Revision) -> Client {
            let url = format!("{}/api/mcp", self.address);
            Client::at(&url, revision, &[("x-api-key", key)]).await
        }

        /// Gets a page with a key, and returns its status and text.
        async fn get(&self, path: &str, key: &str) -> (StatusCode, String) {
            let request = axum::http::Request::get(format!("{}{path}", self.address));
            let request = request
                .header("x-api-key", key)
                .body(Body::empty())
                .unwrap();
            let http = HttpClient::builder(TokioExecutor::new()).build_http();
            let response = http.request(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        }

        async fn end(self) {
            let _ = self.end.send(());
            let ended = tokio::time::timeout(Duration::from_secs(10), self.done).await;
            ended.expect("the application ends").unwrap();
        }
    }

    #[tokio::test]
    async fn routes_and_tools_work_on_one_state() {
        for revision in ERAS {
            let shop = Shop::default();
            let running = Running::begin(&shop, mcp(shop.clone())).await;
            let mut ada = running.client("key of ada", revision).await;
            ada.call("restock", json!({ "item": "tea", "pieces": 5 }))
                .await;
            let sold = ada
                .call("sell", json!({ "item": "tea", "pieces": 2 }))
                .await;
            assert_eq!(
                sold["content"][0]["text"], "3 pieces are left.",
                "{revision:?}"
            );
            let page = running.get("/api/stock/tea", "key of bob").await;
            assert_eq!(page, (StatusCode::OK, "3".to_owned()));
            let listed = ada.call("stock", json!({})).await;
            assert_eq!(listed["structuredContent"], json!({ "tea": 3 }));
            let front = running.get("/", "").await;
            assert_eq!(front, (StatusCode::OK, "The shop".to_owned()));
            running.end().await;
        }
    }

    #[tokio::test]
    async fn callers_are_known_to_tools_and_in_the_record_of_calls() {
        for revision in ERAS {
            let shop = Shop::default();
            let running = Running::begin(&shop, mcp(shop.clone())).await;
            for path in ["/api/mcp", "/api/stock/tea"] {
                let (status, _) = running.get(path, "key of eve").await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            }
            let mut bob = running.client("key of bob", revision).await;
            let arguments = json!({ "item": "tea", "pieces": 5 });
            let refused = bob.call("restock", arguments.clone()).await;
            let text = &refused["content"][0]["text"];
            assert_eq!(text, "only managers may add to the stock", "{revision:?}");
            let mut ada = running.client("key of ada", revision).await;
            ada.call("restock", arguments).await;
            let expected = ["bob: tool restock: tool_error", "ada: tool restock: ok"];
            assert_eq!(shop.books().calls, expected);
            running.end().await;
        }
    }

    /// Starts, tells that it has started, and ends when it is told to.
    #[derive(Default)]
    struct Gate {
        started: Notify,
        opened: Notify,
    }

    /// Wait for a delivery.
    #[tool]
    async fn delivery(gate: State<Arc<Gate>>, ledger: State<Ledger>) -> &'static str {
        gate.started.notify_one();
        gate.opened.notified().await;
        if ledger.0.load(Ordering::SeqCst) {
            "the ledger is closed"
        } else {
            "delivered"
        }
    }

    /// `true` after the lifespan was stopped.
    struct Ledger(Arc<AtomicBool>);

    #[tokio::test]
    async fn calls_in_flight_finish_before_the_lifespan_stops() {
        for revision in ERAS {
            let shop = Shop::default();
            let gate = Arc::new(Gate::default());
            let closed = Arc::new(AtomicBool::new(false));
            let ledger = Ledger(Arc::clone(&closed));
            let mcp = mcp(shop.clone())
                .with(components![delivery])
                .state(Arc::clone(&gate))
                .lifespan(
                    || async { Ok::<_, ToolError>(ledger) },
                    |ledger: Arc<Ledger>| async move { ledger.0.store(true, Ordering::SeqCst) },
                );
            let running = Running::begin(&shop, mcp).await;
            let mut ada = running.client("key of ada", revision).await;
            let call = tokio::spawn(async move { ada.call("delivery", json!({})).await });
            gate.started.notified().await;
            let ended = tokio::spawn(running.end());
            // The application must not end yet.
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!ended.is_finished() && !closed.load(Ordering::SeqCst));
            gate.opened.notify_one();
            let delivered = call.await.unwrap();
            assert_eq!(delivered["content"][0]["text"], "delivered", "{revision:?}");
            ended.await.unwrap();
            assert!(closed.load(Ordering::SeqCst));
        }
    }
}
