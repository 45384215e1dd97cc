//! Connections that are accepted while the server starts: they are as those that are accepted later.

use super::*;

struct Starting {
    address: SocketAddr,
    fake: Arc<Fake>,
    /// Dropping this lets the start fail.
    go: oneshot::Sender<()>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn starting(limits: Limits) -> Starting {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (go, started) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = HttpOptions::default();
    let fake = Fake::new(limits.clone());
    let service = HttpService::new(fake.clone(), tokens(), options.clone(), None);
    let task = tokio::spawn(async move {
        let mut connections =
            Connections::new(options, limits, Encryption::default(), Metrics::default());
        if connections.while_starting(&listener, started).await.is_ok() {
            let stopped = async {
                let _ = stopped.await;
            };
            let served = connections.serve(&listener, service, stopped).await;
            served.unwrap();
        }
        drop(listener);
        connections.close().await;
    });
    Starting {
        address,
        fake,
        go,
        stop,
        task,
    }
}

fn limits() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(600),
        write_timeout: Duration::from_millis(600),
        ..Limits::default()
    }
}

/// Connects and sends a request, which the server has accepted when this returns.
async fn send(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let health = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(health).await.unwrap();
    read_until(&mut stream, "ok").await;
    stream.write_all(request).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = starting(limits()).await;
    let _stream = send(server.address, &post_modern("flood").bytes()).await;
    server.go.send(()).unwrap();
    assert!(reaches(&server.fake.handled, 1).await);
    assert!(reaches(&server.fake.cancelled, 1).await);
}

#[tokio::test]
async fn a_slow_header_and_an_idle_connection_are_cut_off() {
    let server = starting(limits()).await;
    for request in ["", "POST /mcp HTTP/1.1\r\n"] {
        let mut stream = send(server.address, request.as_bytes()).await;
        let mut byte = [0];
        let read = tokio::time::timeout(TIMEOUT, stream.read(&mut byte)).await;
        assert_eq!(read.unwrap().unwrap(), 0, "{request:?}");
    }
}

#[tokio::test]
async fn a_connection_serves_more_requests_and_ends_with_the_server() {
    let server = starting(Limits::default()).await;
    let usual = post_modern("tools/list").with("Connection", "").bytes();
    let mut stream = send(server.address, &usual).await;
    server.go.send(()).unwrap();
    read_until(&mut stream, "\"result\":{}}").await;
    stream.write_all(&usual).await.unwrap();
    read_until(&mut stream, "\"result\":{}}").await;
    server.stop.send(()).unwrap();
    let stopped = tokio::time::timeout(TIMEOUT, server.task).await;
    stopped.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let server = starting(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let mut kept = send(server.address, &post_modern("tools/list").bytes()).await;
    let mut beyond = TcpStream::connect(server.address).await.unwrap();
    let mut refused = String::new();
    let read = tokio::time::timeout(TIMEOUT, beyond.read_to_string(&mut refused)).await;
    read.unwrap().unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    server.go.send(()).unwrap();
    assert_eq!(read_to_end(&mut kept).await.status, 200);
}

#[tokio::test]
async fn a_request_that_waits_for_a_start_that_fails_is_answered() {
    let server = starting(Limits::default()).await;
    let mut waiting = send(server.address, &post_modern("tools/list").bytes()).await;
    // The request has to arrive before the start fails.
    tokio::time::sleep(SHORT_WAIT).await;
    drop(server.go);
    assert_eq!(read_to_end(&mut waiting).await.status, 503);
    server.task.await.unwrap();
}
