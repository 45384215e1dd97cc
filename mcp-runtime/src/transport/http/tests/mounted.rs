//! The endpoint in somebody else's router.

use super::*;

#[tokio::test]
async fn it_mounts_into_axum_at_any_path() {
    let options = HttpOptions {
        path: None,
        ..HttpOptions::default()
    };
    let service = HttpService::new(Fake::new(Limits::default()), options);
    let router = axum::Router::new()
        .route_service("/tools", service.clone())
        .nest_service("/nested", service);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    for line in ["POST /tools", "POST /nested"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = Request {
            line,
            ..post_modern("tell")
        };
        stream.write_all(&request.bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    }
    server.abort();
}

#[tokio::test]
async fn who_mounts_it_may_say_what_the_address_of_the_client_is() {
    use http_body_util::BodyExt;
    let options = HttpOptions {
        path: None,
        ..HttpOptions::default()
    };
    let service = HttpService::new(Fake::new(Limits::default()), options);
    let peer = SocketAddr::from(([192, 0, 2, 1], 7));
    for known in [Some(peer), None] {
        let mut request = hyper::Request::post("http://localhost/")
            .header("Content-Type", "application/json")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "echo/peer")
            .body(modern("echo/peer", ""))
            .unwrap();
        if let Some(peer) = known {
            request.extensions_mut().insert(PeerAddress(peer));
        }
        let mut service = service.clone();
        let response = tower_service::Service::call(&mut service, request).await;
        let body = response.unwrap().into_body().collect().await.unwrap();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        assert!(text.contains(&format!("\"{known:?}\"")), "{text}");
    }
}
