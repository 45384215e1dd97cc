//! The stream of messages that belong to no request.

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
async fn messages_are_received_from_one_stream_after_the_other() {
    let event = format!("data: {PROGRESS}\n\n");
    let server = Server::start([
        begin(),
        stream(&event),
        Reply::new(503, &[], ""),
        stream(&format!("id: 7\nretry: 1\n{event}")),
        stream(&event).held(),
    ])
    .await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    peer.transport.listen();
    let messages = peer.received.wait_for(3).await;
    assert_eq!(messages, vec![(PROGRESS.to_owned(), None); 3]);
    let seen = server.seen();
    let targets: Vec<_> = seen.iter().map(|seen| seen.target.as_str()).collect();
    assert_eq!(targets[1..], ["GET /mcp"; 4]);
    let ids: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("last-event-id"))
        .collect();
    assert_eq!(ids, [None, None, None, None, Some("7")]);
    assert!(
        seen[1..]
            .iter()
            .all(|seen| seen.header("mcp-session-id") == Some("s"))
    );
    drop(peer);
    server.wait_for_closed(1).await;
}

#[tokio::test]
async fn a_server_without_such_a_stream_is_not_asked_again() {
    for status in [400, 404, 405] {
        let server = Server::start([begin(), Reply::new(status, &[], "")]).await;
        let peer = Peer::new(&server);
        peer.begin_session().await;
        peer.transport.listen();
        let ended = async {
            let mut listening = std::mem::take(&mut *peer.transport.listening.lock());
            listening.join_next().await.unwrap().unwrap();
        };
        timeout(TIME_LIMIT, ended).await.unwrap();
        assert_eq!(server.seen().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_left_out() {
    use crate::upstream::transport::LARGEST_MESSAGE;
    let large = format!(
        "id: 1\ndata: a\n\nid: 2\ndata: {}",
        "a".repeat(LARGEST_MESSAGE + 1)
    );
    let server = Server::start([begin(), stream(&large), stream("data: b\n\n").held()]).await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    peer.transport.listen();
    let messages = peer.received.wait_for(2).await;
    assert_eq!(
        messages,
        ["a", "b"].map(|message| (message.to_owned(), None))
    );
    assert_eq!(server.seen()[2].header("last-event-id"), None);
}

#[tokio::test]
async fn closing_ends_the_stream_and_the_session() {
    let held = || stream(": open\n\n").held();
    let server = Server::start([begin(), held(), Reply::nothing()]).await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    peer.transport.listen();
    server.wait_for_requests(2).await;
    // The server does not answer to DELETE.
    timeout(Duration::from_secs(4), peer.transport.close())
        .await
        .unwrap();
    assert_eq!(server.seen()[2].target, "DELETE /mcp");
    server.wait_for_closed(2).await;
}

#[tokio::test]
async fn listening_again_replaces_the_stream() {
    let held = || stream(": open\n\n").held();
    let server = Server::start([begin(), held(), held()]).await;
    let peer = Peer::new(&server);
    peer.begin_session().await;
    peer.transport.listen();
    server.wait_for_requests(2).await;
    peer.transport.listen();
    server.wait_for_requests(3).await;
    server.wait_for_closed(1).await;
}
