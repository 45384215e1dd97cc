//! An axum application that serves MCP at `/mcp` beside its other routes: `axum-app [ADDRESS]`.

use axum::Router;
use axum::routing::get;
use mcp_runtime::prelude::*;
use mcp_runtime::{ServeError, ServerHandle};

/// Add two numbers.
#[tool]
async fn add(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> f64 {
    a + b
}

/// Returns the application, and the handle that stops its MCP server.
async fn application() -> Result<(Router, ServerHandle), ServeError> {
    let server = mcp_runtime::server!();
    let handle = server.handle();
    let router = Router::new()
        .route("/", get(|| async { "MCP is at /mcp." }))
        .route_service("/mcp", server.into_service().await?);
    Ok((router, handle))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (router, handle) = application().await?;
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:8000");
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("Serving at http://{}/mcp", listener.local_addr()?);
    let stopped = async move {
        let _ = tokio::signal::ctrl_c().await;
        // Ends the event streams, which would keep their connections open.
        handle.stop().await;
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, Response, StatusCode};
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn send(request: Request<Body>) -> Response<Body> {
        let (router, _) = application().await.unwrap();
        router.oneshot(request).await.unwrap()
    }

    async fn text(response: Response<Body>) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn both_routes_answer() {
        let page = send(Request::get("/").body(Body::empty()).unwrap()).await;
        assert_eq!(text(page).await, "MCP is at /mcp.");

        let call = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "add",
                "arguments": { "a": 2, "b": 3 },
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        let reply = send(
            Request::post("/mcp")
                .header("Host", "localhost:8000")
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .header("MCP-Protocol-Version", "2026-07-28")
                .header("Mcp-Method", "tools/call")
                .header("Mcp-Name", "add")
                .body(Body::from(call.to_string()))
                .unwrap(),
        )
        .await;
        assert_eq!(reply.status(), StatusCode::OK);
        let reply: Value = serde_json::from_str(&text(reply).await).unwrap();
        assert_eq!(reply["result"]["structuredContent"]["result"], 5.0);
    }

    #[tokio::test]
    async fn a_foreign_host_is_refused() {
        let request = Request::post("/mcp").header("Host", "evil.example");
        let reply = send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    }
}
