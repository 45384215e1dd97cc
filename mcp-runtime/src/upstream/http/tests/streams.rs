//! Responses that are streams, and the limits of responses.

use super::server::{Reply, Server};
use super::*;
use crate::upstream::transport::LARGEST_MESSAGE;

#[tokio::test]
async fn messages_before_the_response_are_received_with_its_id() {
    let other = result(4);
    let stream = format!(
        ": hello\r\n\r\nevent: message\r\ndata: {PROGRESS}\r\n\r\ndata: {other}\n\ndata: {}\n\ndata: {PROGRESS}\n\n",
        result(5)
    );
    let pieces: Vec<_> = stream.as_bytes().chunks(5).collect();
    let server = Server::start([Reply::stream(&pieces).held()]).await;
    let peer = Peer::new(&server);
    peer.send(request(5, MODERN)).await.unwrap();
    let expected = [PROGRESS, &other, &result(5)].map(|message| (message.to_owned(), Some(5)));
    assert_eq!(peer.received.take(), expected);
    server.wait_for_closed(1).await;
}

#[tokio::test]
async fn errors_are_responses_and_requests_of_the_server_are_not() {
    let ask = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    let error = r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32603,"message":"no"}}"#;
    let stream = format!("data: {ask}\n\ndata: {error}\n\n");
    let server = Server::start([Reply::stream(&[stream.as_bytes()]).held()]).await;
    let peer = Peer::new(&server);
    peer.send(request(5, LEGACY)).await.unwrap();
    let expected = [ask, error].map(|message| (message.to_owned(), Some(5)));
    assert_eq!(peer.received.take(), expected);
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let stream = format!("data: {PROGRESS}\n\n");
    for reply in [Reply::nothing(), Reply::stream(&[stream.as_bytes()]).held()] {
        let server = Server::start([reply]).await;
        let peer = Peer::new(&server);
        let sent = peer.transport.send(request(1, MODERN)).future();
        let late = timeout(Duration::from_millis(100), sent).await;
        assert!(late.is_err());
        assert_eq!(server.seen().len(), 1);
        server.wait_for_closed(1).await;
    }
}

#[tokio::test]
async fn a_response_that_is_too_large_is_refused() {
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#,
        "a".repeat(LARGEST_MESSAGE)
    );
    let event = format!("data: {large}");
    for reply in [
        Reply::json(200, &large),
        Reply::stream(&[event.as_bytes()]).held(),
    ] {
        let server = Server::start([reply]).await;
        let peer = Peer::new(&server);
        let error = peer.send(request(1, MODERN)).await.unwrap_err();
        assert!(matches!(error, SendError::Invalid(_)), "{error:?}");
        assert!(
            error.to_string().contains("larger than 4194304 bytes"),
            "{error}"
        );
        assert_eq!(peer.received.take(), []);
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_response_is_refused() {
    let batch = format!(" [{}]", result(1));
    let html = [("content-type", "text/html")];
    for (reply, part) in [
        (Reply::json(200, &batch), "batches are not supported"),
        (
            Reply::json(200, &result(2)),
            "not the JSON-RPC response to the request 1",
        ),
        (
            Reply::json(200, PROGRESS),
            "not the JSON-RPC response to the request 1",
        ),
        (
            Reply::json(200, ""),
            "not the JSON-RPC response to the request 1",
        ),
        (
            Reply::new(200, &html, "<p>"),
            "status 200 and the content type \"text/html\"",
        ),
        (Reply::new(202, &[], ""), "status 202 and no content type"),
    ] {
        let server = Server::start([reply]).await;
        let peer = Peer::new(&server);
        let error = peer.send(request(1, MODERN)).await.unwrap_err();
        assert!(matches!(error, SendError::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(peer.received.take(), []);
    }
}

#[tokio::test]
async fn an_error_without_an_id_is_the_response() {
    let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}"#;
    let server = Server::start([Reply::json(200, body)]).await;
    let peer = Peer::new(&server);
    peer.send(request(1, MODERN)).await.unwrap();
    let expected = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32700,"message":"no"}}"#;
    assert_eq!(peer.received.take(), [(expected.to_owned(), Some(1))]);
}

#[tokio::test]
async fn a_broken_connection_is_an_error_that_names_the_server() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let server = Server::start([Reply::raw(head), Reply::raw(b"")]).await;
    let peer = Peer::new(&server);
    for part in ["before the end of the response", &server.url] {
        let error = peer.send(request(1, MODERN)).await.unwrap_err();
        assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
