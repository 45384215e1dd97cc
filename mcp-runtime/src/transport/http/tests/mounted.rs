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
