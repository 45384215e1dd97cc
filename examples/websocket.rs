//! MCP over WebSocket: a transport of the application, and one server for all of its connections.

use std::io;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mcp_runtime::prelude::*;
use mcp_runtime::{RunningServer, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// The largest accepted message, in bytes: a little more than the limit of the server, which refuses with a better error.
const MAX_MESSAGE: usize = 5 << 20;

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

/// A WebSocket whose text messages are MCP messages.
struct WebSocket {
    incoming: Mutex<SplitStream<WebSocketStream<TcpStream>>>,
    outgoing: Mutex<SplitSink<WebSocketStream<TcpStream>, Message>>,
}

impl WebSocket {
    async fn accept(stream: TcpStream) -> Result<Self, Error> {
        let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE));
        let stream = accept_hdr_async_with_config(stream, check_origin, Some(config)).await?;
        let (outgoing, incoming) = stream.split();
        Ok(Self {
            incoming: Mutex::new(incoming),
            outgoing: Mutex::new(outgoing),
        })
    }
}

/// Refuses pages of other sites: a browser lets every page open a WebSocket to localhost, and sends its origin.
#[allow(clippy::result_large_err)] // the type is that of the callback
fn check_origin(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if request.headers().contains_key("Origin") {
        let mut refusal = ErrorResponse::new(Some("pages must not connect".to_owned()));
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        return Err(refusal);
    }
    Ok(response)
}

impl Transport for WebSocket {
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut incoming = self.incoming.lock().await;
        loop {
            match incoming.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(text.as_bytes().to_vec())),
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => {
                    return Ok(None);
                }
                // The library answers pings itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(io::Error::other(error)),
            }
        }
    }

    async fn send(&self, message: String) -> io::Result<()> {
        let mut outgoing = self.outgoing.lock().await;
        let sent = outgoing.send(Message::text(message)).await;
        sent.map_err(io::Error::other)
    }

    async fn close(&self) -> io::Result<()> {
        let closed = self.outgoing.lock().await.close().await;
        closed.map_err(io::Error::other)
    }
}

/// Serves each connection in a task of its own.
async fn accept_all(listener: TcpListener, server: RunningServer) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let server = server.clone();
        tokio::spawn(async move {
            match WebSocket::accept(stream).await {
                Ok(socket) => {
                    if let Err(error) = server.serve(socket).await {
                        eprintln!("a connection failed: {error:?}");
                    }
                }
                Err(error) => eprintln!("a handshake failed: {error}"),
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:8000").await?;
    eprintln!("Serving MCP at ws://{}", listener.local_addr()?);
    let server = mcp_runtime::server!().start().await?;
    tokio::select! {
        accepted = accept_all(listener, server.clone()) => accepted?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    server.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio_tungstenite::MaybeTlsStream;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    use super::*;

    type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

    async fn serve() -> (RunningServer, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = mcp_runtime::server!().start().await.unwrap();
        tokio::spawn(accept_all(listener, server.clone()));
        (server, url)
    }

    async fn connect(url: &str) -> Client {
        tokio_tungstenite::connect_async(url).await.unwrap().0
    }

    async fn ask(client: &mut Client, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        client
            .send(Message::text(request.to_string()))
            .await
            .unwrap();
        let reply = client.next().await.unwrap().unwrap();
        serde_json::from_str(reply.to_text().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn both_eras_are_served_and_the_server_ends_its_connections() {
        let (server, url) = serve().await;
        let call = json!({ "name": "add", "arguments": { "a": 2, "b": 3 } });

        let mut legacy = connect(&url).await;
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
        let reply = ask(&mut legacy, "initialize", hello).await;
        assert_eq!(reply["result"]["protocolVersion"], "2025-11-25");
        let reply = ask(&mut legacy, "tools/call", call.clone()).await;
        assert_eq!(reply["result"]["content"][0]["text"], "5");

        let mut modern = connect(&url).await;
        let mut params = call;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let reply = ask(&mut modern, "tools/call", params).await;
        assert_eq!(reply["result"]["structuredContent"]["result"], 5.0);

        server.stop().await;
        for mut client in [legacy, modern] {
            assert!(matches!(
                client.next().await,
                Some(Ok(Message::Close(_))) | None
            ));
        }
    }

    #[tokio::test]
    async fn pages_cannot_connect() {
        let (_server, url) = serve().await;
        let mut request = url.into_client_request().unwrap();
        let origin = "https://example.com".parse().unwrap();
        request.headers_mut().insert("Origin", origin);
        let refused = tokio_tungstenite::connect_async(request).await.unwrap_err();
        assert!(matches!(refused, Error::Http(response) if response.status() == 403));
    }
}
