//! Tests of the streams of sessions: GET streams, and streams that a client resumes.

use super::*;

const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

fn get(session: &str) -> Request<'_> {
    request("GET /mcp")
        .with("Accept", "text/event-stream")
        .with("Mcp-Session-Id", session)
}

/// Opens a stream and reads its first event. Returns the stream and the id of the event.
async fn open(server: &TestServer, request: &Request<'_>) -> (TcpStream, String) {
    let mut stream = server.connect().await;
    stream.write_all(&request.bytes()).await.unwrap();
    let head = read_until(&mut stream, "data: \n\n").await;
    assert!(head.contains("200 OK"), "{head}");
    assert!(head.contains("retry: 500\n"), "{head}");
    (stream, last_id(&head))
}

fn last_id(text: &str) -> String {
    let mut lines = text.lines().rev();
    let id = lines.find_map(|line| line.strip_prefix("id: "));
    id.unwrap().to_owned()
}

fn tell(server: &TestServer) {
    let listener = server.fake.listener.lock().unwrap();
    assert!(listener.as_ref().unwrap().send(CHANGED.to_owned()));
}

#[tokio::test]
async fn a_session_is_told_of_changes_on_its_newest_stream() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let (mut first, _) = open(&server, &get(&session)).await;
    tell(&server);
    read_until(&mut first, &format!("data: {CHANGED}\n\n")).await;
    let (mut second, _) = open(&server, &get(&session)).await;
    read_until(&mut first, "0\r\n\r\n").await;
    tell(&server);
    read_until(&mut second, &format!("data: {CHANGED}\n\n")).await;

    let delete = request("DELETE /mcp").with("Mcp-Session-Id", &session);
    assert_eq!(server.send(&delete).await.status, 204);
    read_until(&mut second, "0\r\n\r\n").await;
    assert_eq!(server.send(&get(&session)).await.status, 404);
}

#[tokio::test]
async fn what_was_missed_is_sent_to_a_client_that_comes_back() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let (stream, seen) = open(&server, &get(&session)).await;
    drop(stream);
    tell(&server);
    let stranger = server.initialize().await;
    for (session, missed) in [(&session, true), (&stranger, false)] {
        let again = get(session).with("Last-Event-ID", &seen);
        let mut stream = server.connect().await;
        stream.write_all(&again.bytes()).await.unwrap();
        let text = read_until(&mut stream, "\n\n").await;
        assert_eq!(text.contains(CHANGED), missed, "{text}");
    }
}

#[tokio::test]
async fn a_call_goes_on_after_its_connection_was_closed() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let call = post(&rpc(5, "cut")).with("Mcp-Session-Id", &session);
    let (mut stream, seen) = open(&server, &call).await;
    read_until(&mut stream, "0\r\n\r\n").await;
    let again = get(&session).with("Last-Event-ID", &seen);
    let mut stream = server.connect().await;
    stream.write_all(&again.bytes()).await.unwrap();
    server.fake.release.add_permits(1);
    let text = read_until(&mut stream, "0\r\n\r\n").await;
    assert!(text.contains(r#""params":{"step":1}"#), "{text}");
    assert!(text.contains(r#""id":5,"result":{}"#), "{text}");
    // Resumes again, as if the last event had been lost.
    let reply = last_id(&text).replace("-2", "-1");
    let answer = server
        .send(&get(&session).with("Last-Event-ID", &reply))
        .await;
    assert!(
        answer.body.contains(r#""id":5,"result":{}"#),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("step"), "{}", answer.body);
}

#[tokio::test]
async fn ids_of_events_never_meet_and_a_stream_is_all_that_is_sent_again() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    server.fake.release.add_permits(4);
    let mut ids = Vec::new();
    let mut texts = Vec::new();
    for id in [5, 6] {
        let call = post(&rpc(id, "tell/slow")).with("Mcp-Session-Id", &session);
        let answer = server.send(&call).await;
        texts.push(answer.body);
    }
    let (mut beside, _) = open(&server, &get(&session)).await;
    tell(&server);
    let told = read_until(&mut beside, &format!("data: {CHANGED}\n\n")).await;
    texts.push(told);
    for text in &texts {
        ids.extend(text.lines().filter_map(|line| line.strip_prefix("id: ")));
    }
    assert!(ids.len() >= 7, "{texts:?}");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "{texts:?}");

    // Resumes from the start of the first call: its events and answer are sent, and those of the others are not.
    let first = texts[0].lines().find_map(|line| line.strip_prefix("id: "));
    let again = get(&session).with("Last-Event-ID", first.unwrap());
    let answer = server.send(&again).await;
    assert!(answer.body.contains(r#""id":5,"result":{}"#), "{answer:?}");
    assert!(!answer.body.contains(r#""id":6"#), "{answer:?}");
    assert!(!answer.body.contains("list_changed"), "{answer:?}");
}

#[tokio::test]
async fn streams_are_for_sessions_and_for_clients_that_take_events() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    for (request, status) in [
        (get(""), 405),
        (
            get(&session).with("MCP-Protocol-Version", "2026-07-28"),
            405,
        ),
        (
            get(&session).with("MCP-Protocol-Version", "1999-01-01"),
            400,
        ),
        (get("nonsense"), 404),
        (get(&session).with("Accept", "application/json"), 406),
    ] {
        let answer = server.send(&request).await;
        assert_eq!(answer.status, status, "{:?}", request.headers);
    }
}

#[tokio::test]
async fn another_process_does_not_know_the_events_of_this_one() {
    let mut begins = Vec::new();
    for _ in 0..2 {
        let server = start(Limits::default()).await;
        let session = server.initialize().await;
        let (_, seen) = open(&server, &get(&session)).await;
        begins.push(seen.split_once('-').unwrap().0.to_owned());
    }
    assert!(!begins[0].is_empty());
    assert_ne!(begins[0], begins[1]);
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let (mut stream, _) = open(&server, &get(&session)).await;
    let listener = server.fake.listener.lock().unwrap().clone();
    listener.unwrap().end();
    read_until(&mut stream, "0\r\n\r\n").await;
    server.stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(1), server.task).await;
    assert!(
        ended.is_ok(),
        "the server waits for a stream that it should have ended"
    );
}

#[tokio::test(start_paused = true)]
async fn clients_that_left_give_their_places_back_though_nobody_else_comes() {
    let server = crate::Server::new("s", "1").with(crate::Tool::new(
        "t",
        serde_json::json!({ "type": "object" }),
        |_: serde_json::Value, _: crate::Context| async {},
    ));
    let service = server.into_service().await.unwrap();
    let opening = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    for _ in 0..Limits::default().listeners {
        let opened = ask(&service, &post(opening)).await;
        let session = opened.headers()["mcp-session-id"].to_str().unwrap();
        assert_eq!(ask(&service, &get(session)).await.status(), 200);
    }
    let method = "subscriptions/listen";
    let listen = Request {
        body: modern(method, r#""notifications":{"toolsListChanged":true},"#),
        ..post_modern(method)
    };
    assert_eq!(ask(&service, &listen).await.status(), 503);
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(ask(&service, &listen).await.status(), 200);
}
