//! Tests of clients that end their half of a connection.

use super::*;

/// Sends a request and ends the half of the client.
async fn send(server: &TestServer, request: &str) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    stream
}

fn text(request: &Request<'_>) -> String {
    String::from_utf8(request.bytes()).unwrap()
}

/// Reads to the end. Returns the text without interim responses, which clients ignore.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let reading = stream.read_to_string(&mut text);
    tokio::time::timeout(TIMEOUT, reading)
        .await
        .unwrap()
        .unwrap();
    text.replace("HTTP/1.1 100 Continue\r\n\r\n", "")
}

#[tokio::test]
async fn a_complete_request_is_answered() {
    let server = start(Limits::default()).await;
    for method in ["tools/list", "slow"] {
        let mut stream = send(&server, &text(&post_modern(method))).await;
        // The client is asked several times whether it is still there.
        tokio::time::sleep(SHORT_WAIT).await;
        server.fake.release.add_permits(2);
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\"result\":{}}"), "{answer}");
    }
    assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn requests_that_were_sent_together_are_all_answered() {
    let server = start(Limits::default()).await;
    server.fake.release.add_permits(4);
    let one = text(&post_modern("slow").with("Connection", ""));
    let mut stream = send(&server, &one.repeat(2)).await;
    let answer = answer(&mut stream).await;
    assert_eq!(answer.matches("\"result\":{}}").count(), 2, "{answer}");
}

#[tokio::test]
async fn an_incomplete_request_ends_at_once() {
    let server = start(Limits::default()).await;
    let request = text(&post_modern("slow"));
    for length in [10, request.len() - 1] {
        let mut stream = send(&server, &request[..length]).await;
        let answer = answer(&mut stream).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    assert_eq!(server.fake.handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_client_that_goes_later_cancels_its_call() {
    let server = start(Limits::default()).await;
    let stream = send(&server, &text(&post_modern("slow"))).await;
    assert!(reaches(&server.fake.handled, 1).await);
    tokio::time::sleep(SHORT_WAIT).await;
    assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), 0);
    drop(stream);
    assert!(reaches(&server.fake.cancelled, 1).await);
    // Once the response has started, the next comment or event finds out.
    let stream = send(&server, &text(&post_modern("flood"))).await;
    assert!(reaches(&server.fake.handled, 2).await);
    drop(stream);
    assert!(reaches(&server.fake.cancelled, 2).await);
}

#[tokio::test]
async fn the_end_of_the_input_cancels_a_call_whose_response_has_started() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(&post_modern("tell/slow").bytes())
        .await
        .unwrap();
    read_until(&mut stream, "\"step\":1}").await;
    stream.shutdown().await.unwrap();
    assert!(reaches(&server.fake.cancelled, 1).await);
}

#[tokio::test]
async fn http_1_0_has_no_interim_responses() {
    let server = start(Limits::default()).await;
    let request = text(&post_modern("slow")).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut stream = send(&server, &request).await;
    assert!(reaches(&server.fake.cancelled, 1).await);
    assert_eq!(answer(&mut stream).await, "");
}
