//! Streams of responses that end early.

use super::server::{Reply, Server};
use super::*;

fn begin() -> Reply {
    let headers = [
        ("content-type", "application/json"),
        ("mcp-session-id", "s"),
    ];
    Reply::new(200, &headers, &result(0))
}

fn stream(events: &str) -> Reply {
    Reply::stream(&[events.as_bytes()])
}

#[tokio::test]
async fn a_stream_of_a_session_is_resumed() {
    let server = Server::start([
        begin(),
        stream("id: a-1\nretry: 1\ndata:\n\n"),
        stream(&format!("id: a-2\ndata: {PROGRESS}\n\nid: a-3\ndata: {{")),
        stream(&format!("id: a-4\ndata: {}\n\n", result(1))).held(),
    ])
    .await;
    let peer = Peer::with_headers(&server, &[("X-Key", "k")]);
    peer.begin_session().await;
    let message = Outgoing {
        authorization: Some(Secret::new("Bearer t".to_owned())),
        ..request(1, LEGACY)
    };
    peer.send(message).await.unwrap();
    let expected = [PROGRESS, &result(1)].map(|message| (message.to_owned(), Some(1)));
    assert_eq!(peer.received.take(), expected);
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for (seen, last) in [(&seen[2], "a-1"), (&seen[3], "a-2")] {
        assert_eq!(seen.target, "GET /mcp");
        for (name, value) in [
            ("last-event-id", Some(last)),
            ("mcp-session-id", Some("s")),
            ("mcp-protocol-version", Some(LEGACY)),
            ("accept", Some("text/event-stream")),
            ("authorization", Some("Bearer t")),
            ("x-key", Some("k")),
            ("content-type", None),
        ] {
            assert_eq!(seen.header(name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn attempts_to_resume_end() {
    let early = || stream("id: 1\nretry: 1\n\n");
    let replies = [begin(), early(), Reply::new(503, &[], "")];
    let empty = (0..9).map(|_| stream(": nothing\n\n"));
    let server = Server::start(replies.into_iter().chain(empty)).await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    let error = peer.send(request(1, LEGACY)).await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
    assert!(
        error.to_string().contains("ended before the response"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 2 + 5);
}

#[tokio::test]
async fn a_server_that_cannot_resume_is_not_asked_again() {
    for (reply, expected) in [
        (
            Reply::new(405, &[], ""),
            SendError::Status(405, String::new()),
        ),
        (
            Reply::new(404, &[], ""),
            SendError::Unreachable("it does not know the session any more".to_owned()),
        ),
        (
            Reply::json(200, "{}"),
            SendError::Invalid(
                "it answers GET with a body that is not text/event-stream".to_owned(),
            ),
        ),
    ] {
        let server = Server::start([begin(), stream("id: 1\nretry: 1\n\n"), reply]).await;
        let peer = Peer::new(&server);
        peer.begin_session().await;
        assert_eq!(peer.send(request(1, LEGACY)).await, Err(expected));
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn other_streams_are_not_resumed() {
    let event = format!("data: {PROGRESS}\n\n");
    let with_id = format!("id: 1\n{event}");
    for (has_session, revision, events) in [
        (true, LEGACY, &event),
        (false, LEGACY, &with_id),
        (true, MODERN, &with_id),
    ] {
        let mut replies = vec![stream(events)];
        if has_session {
            replies.insert(0, begin());
        }
        let server = Server::start(replies).await;
        let peer = Peer::new(&server);
        if has_session {
            peer.begin_session().await;
        }
        let error = peer.send(request(1, revision)).await.unwrap_err();
        assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
        assert_eq!(peer.received.take().len(), 1);
        assert!(server.seen().last().unwrap().target.starts_with("POST"));
    }
}
