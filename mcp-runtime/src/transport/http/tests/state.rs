//! The answers about the state of the server.

use super::*;

#[tokio::test]
async fn a_server_is_ready_between_its_start_and_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (go, started) = oneshot::channel::<()>();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = HttpOptions::default();
    let fake = Fake::new(Limits::default());
    let service = HttpService::new(fake.clone(), tokens(), options.clone(), None);
    let serving = tokio::spawn(async move {
        let mut connections = Connections::new(
            options,
            Limits::default(),
            Encryption::default(),
            Metrics::default(),
        );
        let done = connections.while_starting(&listener, started).await;
        done.unwrap();
        let stopped = async {
            let _ = stopped.await;
        };
        connections
            .serve(&listener, service, stopped)
            .await
            .unwrap();
        drop(listener);
        connections.close().await;
    });
    let ask = async |asked: &Request<'_>| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&asked.bytes()).await.unwrap();
        read_to_end(&mut stream).await
    };
    let ready = async || {
        let answer = ask(&request("GET /ready")).await;
        (answer.status, answer.body)
    };
    assert_eq!(ready().await, (503, "The server is starting".to_owned()));
    assert_eq!(ask(&request("GET /health")).await.status, 200);
    // Any other request waits for the start.
    let mut early = TcpStream::connect(address).await.unwrap();
    let waiting = post_modern("no/such");
    early.write_all(&waiting.bytes()).await.unwrap();
    tokio::time::sleep(SHORT_WAIT).await;
    go.send(()).unwrap();
    assert_eq!(read_to_end(&mut early).await.status, 404);
    assert_eq!(ready().await, (200, "ready".to_owned()));
    fake.stopping.store(true, Ordering::SeqCst);
    assert_eq!(ready().await, (503, "The server is stopping".to_owned()));
    assert_eq!(ask(&request("GET /health")).await.status, 200);
    stop.send(()).unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn the_state_is_told_to_allowed_hosts_and_without_metrics_there_are_none() {
    let server = start(Limits::default()).await;
    assert_eq!(server.send(&request("GET /metrics")).await.status, 404);
    for path in ["/ready", "/health", "/metrics"] {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n");
        let answer = server.send_bytes(asked.as_bytes()).await;
        assert_eq!(answer.status, 403, "{path}");
    }
}
