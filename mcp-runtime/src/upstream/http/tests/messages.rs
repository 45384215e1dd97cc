//! Requests with one message as their response, and the headers of messages.

use super::server::{Reply, Server};
use super::*;

#[tokio::test]
async fn a_message_is_posted_and_its_response_received() {
    let server = Server::start([Reply::json(200, &result(7))]).await;
    let peer = Peer::new(&server);
    peer.send(request(7, MODERN)).await.unwrap();
    assert_eq!(peer.received.take(), [(result(7), Some(7))]);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].target, "POST /mcp");
    assert_eq!(seen[0].body, request(7, MODERN).json);
    let host = server
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp");
    for (name, value) in [
        ("host", host),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        (
            "user-agent",
            concat!("mcp-runtime/", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        assert_eq!(seen[0].header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn notifications_have_no_response() {
    let server = Server::start([
        Reply::new(202, &[], ""),
        Reply::new(204, &[], ""),
        Reply::json(200, &result(1)),
        Reply::stream(&[b"data: {}\n\n"]).held(),
    ])
    .await;
    let peer = Peer::new(&server);
    for _ in 0..4 {
        peer.send(notification(LEGACY)).await.unwrap();
    }
    assert_eq!(peer.received.take(), []);
}

#[tokio::test]
async fn headers_depend_on_the_revision() {
    let message = |revision, name: &'static str| Outgoing {
        name: Some(name),
        params: vec![("Region".to_owned(), "eu".to_owned())],
        revision,
        ..request(1, MODERN)
    };
    for (revision, name, expected) in [
        (
            Some(MODERN),
            "add",
            [Some(MODERN), Some("tools/call"), Some("add"), Some("eu")],
        ),
        (
            Some(MODERN),
            "grüß",
            [
                Some(MODERN),
                Some("tools/call"),
                Some("=?base64?Z3LDvMOf?="),
                Some("eu"),
            ],
        ),
        (Some(LEGACY), "add", [Some(LEGACY), None, None, None]),
        (None, "add", [None; 4]),
    ] {
        let server = Server::start([Reply::json(200, &result(1))]).await;
        Peer::new(&server)
            .send(message(revision, name))
            .await
            .unwrap();
        let seen = server.seen();
        let names = [
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
        ];
        assert_eq!(
            names.map(|name| seen[0].header(name)),
            expected,
            "{revision:?} {name}"
        );
    }
}

#[tokio::test]
async fn credentials_of_a_message_replace_those_of_the_transport() {
    let replies = [Reply::json(200, &result(1)), Reply::json(200, &result(2))];
    let server = Server::start(replies).await;
    let headers = [("Authorization", "Bearer fixed"), ("X-Key", "k")];
    let peer = Peer::with_headers(&server, &headers);
    peer.send(request(1, MODERN)).await.unwrap();
    let authorization = Some(Secret::new("Bearer own".to_owned()));
    let own = Outgoing {
        authorization,
        ..request(2, MODERN)
    };
    peer.send(own).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), Some("Bearer fixed"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer own"));
    assert_eq!(seen[1].header("x-key"), Some("k"));
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_an_error_without_its_value() {
    let server = Server::start([]).await;
    let peer = Peer::new(&server);
    let authorization = Some(Secret::new("Bearer s3cret\n".to_owned()));
    let params = vec![("a b".to_owned(), "c".to_owned())];
    for message in [
        Outgoing {
            authorization,
            ..request(1, MODERN)
        },
        Outgoing {
            params,
            ..request(1, MODERN)
        },
    ] {
        let error = peer.send(message).await.unwrap_err();
        assert!(matches!(error, SendError::Invalid(_)), "{error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start((0..3).map(|id| Reply::json(200, &result(id)))).await;
    let peer = Peer::new(&server);
    for id in 0..3 {
        peer.send(request(id, MODERN)).await.unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_has_ended_is_replaced() {
    let replies = (0..3).map(|id| Reply::json(200, &result(id)).last());
    let server = Server::start(replies).await;
    let peer = Peer::new(&server);
    for id in 0..3 {
        peer.send(request(id, MODERN)).await.unwrap();
        // A request is lost if it crosses the end of its connection.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(server.accepted(), 3);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn an_idle_connection_is_ended() {
    let server = Server::start([Reply::json(200, &result(0))]).await;
    let peer = Peer::new(&server);
    peer.send(request(0, MODERN)).await.unwrap();
    server.wait_for_closed(1).await;
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn concurrent_requests_have_connections_of_their_own() {
    let server = Server::start((0..4).map(|id| Reply::json(200, &result(id % 2)))).await;
    let peer = Peer::new(&server);
    for _ in 0..2 {
        let (one, two) = tokio::join!(
            peer.transport.send(request(0, MODERN)).future(),
            peer.transport.send(request(0, MODERN)).future()
        );
        // The replies are given out in the order of arrival, and one has another id.
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    }
    assert_eq!(server.seen().len(), 4);
    let host = server.url.trim_start_matches("http://");
    let host = host.trim_end_matches("/mcp");
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.header("host") == Some(host)));
    assert!(seen.iter().all(|seen| seen.target == "POST /mcp"));
}

#[tokio::test]
async fn a_session_lasts_from_its_handshake_to_its_end() {
    let begin = |id| {
        Reply::new(
            200,
            &[("content-type", "application/json"), ("mcp-session-id", id)],
            &result(0),
        )
    };
    let server = Server::start([
        begin("one"),
        Reply::json(200, &result(1)),
        begin("two"),
        Reply::json(200, &result(2)),
        Reply::new(200, &[], ""),
    ])
    .await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    // A message that cannot be sent changes nothing.
    let unsendable = Outgoing {
        authorization: Some(Secret::new("\n".to_owned())),
        ..request(1, LEGACY)
    };
    peer.send(unsendable).await.unwrap_err();
    peer.send(request(1, LEGACY)).await.unwrap();
    peer.begin_session().await;
    peer.send(request(2, LEGACY)).await.unwrap();
    peer.transport.close().await;
    peer.transport.close().await;
    let seen = server.seen();
    let sessions: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("mcp-session-id"))
        .collect();
    assert_eq!(
        sessions,
        [None, Some("one"), None, Some("two"), Some("two")]
    );
    assert_eq!(seen[4].target, "DELETE /mcp");
    assert_eq!(seen[4].header("mcp-protocol-version"), Some(LEGACY));
}

#[test]
fn a_url_or_header_that_cannot_be_used_is_named() {
    let key = |name: &str, value: &str| vec![(name.to_owned(), Secret::new(value.to_owned()))];
    let url = "https://example.com/mcp?key=s3cret";
    for (url, headers, parts) in [
        ("", vec![], ["the URL ``", "like `https://example.com/mcp`"]),
        (
            "example.com/mcp",
            vec![],
            ["`example.com/mcp`", "like `https://"],
        ),
        (
            "/mcp",
            vec![],
            ["`/mcp`", "start with `https://` or `http://`"],
        ),
        (
            "ftp://example.com/mcp",
            vec![],
            ["`ftp://example.com/mcp`", "start with `https://`"],
        ),
        ("http:///mcp", vec![], ["`http:///mcp`", "like `https://"]),
        (
            "https://me:s3cret@example.com/mcp",
            vec![],
            ["`https://example.com/mcp`", "Authorization"],
        ),
        (
            "https://me:s3cret@exa mple.com/mcp",
            vec![],
            ["`https://exa mple.com/mcp`", "not valid"],
        ),
        (
            url,
            key("a b", "s3cret"),
            ["`https://example.com/mcp`", "\"a b\" is not the name"],
        ),
        (
            url,
            key("X-Key", "s3cret\n"),
            ["`X-Key`", "without a line end"],
        ),
        (url, key("Accept", "s3cret"), ["`Accept`", "remove it"]),
        (
            url,
            key("Mcp-Param-A", "s3cret"),
            ["`Mcp-Param-A`", "remove it"],
        ),
    ] {
        let roots = Some(tokio_rustls::rustls::RootCertStore::empty());
        let receive = Arc::new(Received::default());
        let Err(error) = super::super::Endpoint::new(url, headers, receive, roots) else {
            panic!("{url} is accepted");
        };
        assert!(
            parts.iter().all(|part| error.contains(part)),
            "{url}: {error}"
        );
        assert!(!error.contains("s3cret"), "{url}: {error}");
    }
}
