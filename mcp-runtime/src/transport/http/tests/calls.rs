//! Tests of long calls: events, disconnects and cancellation.

use super::*;

fn keep_alive(request: &Request<'_>) -> Request<'static> {
    let mut request = Request {
        line: "POST /mcp",
        headers: Vec::new(),
        body: request.body.clone(),
    };
    request = request.with("Host", "localhost");
    request
        .with("Content-Type", "application/json")
        .with("Accept", "application/json, text/event-stream")
}

const STEP_1: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"step\":1}}\n\n";
const STEP_2: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"step\":2}}\n\n";
const REPLY: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n";

#[tokio::test]
async fn a_quiet_call_is_answered_in_json_when_it_is_done() {
    let server = start(Limits::default()).await;
    server.fake.release.add_permits(2);
    let answer = server.send(&post_modern("slow")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["id"], 7);
}

#[tokio::test]
async fn messages_sent_before_an_immediate_answer_are_events() {
    let server = start(Limits::default()).await;
    let answer = server.send(&post_modern("tell")).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.body, [STEP_1, STEP_2, REPLY].concat());
}

#[tokio::test]
async fn messages_come_while_the_call_runs() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    for (request, id) in [
        (post_modern("tell/slow"), "7"),
        (
            post(&rpc(5, "tell/slow")).with("Mcp-Session-Id", &session),
            "5",
        ),
    ] {
        let mut stream = server.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        let head = read_until(&mut stream, STEP_1).await;
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(head.contains("x-accel-buffering: no"), "{head}");
        assert_eq!(head.contains("\nid: "), id == "5", "{head}");
        server.fake.release.add_permits(1);
        read_until(&mut stream, STEP_2).await;
        server.fake.release.add_permits(1);
        read_until(&mut stream, &REPLY.replace('7', id)).await;
        read_until(&mut stream, "0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn without_events_messages_are_dropped() {
    let server = start(Limits::default()).await;
    server.fake.release.add_permits(2);
    for method in ["tell", "tell/slow"] {
        let answer = server
            .send(&post_modern(method).with("Accept", "application/json"))
            .await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["id"], 7);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive_by_comments() {
    use http_body_util::BodyExt;
    let fake = Fake::new(Limits::default());
    let mut service = HttpService::new(fake.clone(), tokens(), HttpOptions::default());
    let request = hyper::Request::post("http://localhost/mcp")
        .header("Content-Type", "application/json")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tell/slow")
        .body(modern("tell/slow", ""));
    let response = tower_service::Service::call(&mut service, request.unwrap()).await;
    let mut body = response.unwrap().into_body();
    let mut pieces = Vec::new();
    let began = tokio::time::Instant::now();
    for _ in 0..3 {
        let frame = body.frame().await.unwrap().unwrap();
        pieces.push((began.elapsed().as_secs(), frame.into_data().unwrap()));
    }
    assert_eq!(
        pieces,
        [
            (0, STEP_1.into()),
            (15, ":\n\n".into()),
            (30, ":\n\n".into())
        ]
    );
}

#[tokio::test]
async fn a_disconnect_cancels_a_stateless_call() {
    let server = start(Limits::default()).await;
    for (number, method) in ["slow", "tell/slow"].into_iter().enumerate() {
        let mut stream = server.connect().await;
        stream
            .write_all(&post_modern(method).bytes())
            .await
            .unwrap();
        if method == "tell/slow" {
            read_until(&mut stream, STEP_1).await;
        }
        assert!(reaches(&server.fake.handled, number + 1).await);
        assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), number);
        drop(stream);
        assert!(
            reaches(&server.fake.cancelled, number + 1).await,
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_disconnect_does_not_cancel_a_call_of_a_session() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    for (number, method) in ["slow", "tell/slow"].into_iter().enumerate() {
        let mut stream = server.connect().await;
        let request = post(&rpc(1, method)).with("Mcp-Session-Id", &session);
        stream.write_all(&request.bytes()).await.unwrap();
        assert!(reaches(&server.fake.handled, number + 2).await);
        drop(stream);
        tokio::time::sleep(SHORT_WAIT).await;
        server.fake.release.add_permits(2);
        assert!(reaches(&server.fake.finished, number + 1).await, "{method}");
    }
    assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_call_of_a_session_is_cancelled_by_its_own_session_only() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let stranger = server.initialize().await;
    let mut stream = server.connect().await;
    let request = post(&rpc(1, "slow")).with("Mcp-Session-Id", &session);
    stream.write_all(&request.bytes()).await.unwrap();
    assert!(reaches(&server.fake.handled, 3).await);

    let cancel = |id: &str, session: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        let bytes = post(&body).with("Mcp-Session-Id", session).bytes();
        let server = &server;
        async move { server.send_bytes(&bytes).await.status }
    };
    for (id, session) in [
        ("1", &stranger),
        ("\"1\"", &session),
        ("2", &session),
        ("null", &session),
    ] {
        assert_eq!(cancel(id, session).await, 202);
    }
    tokio::time::sleep(SHORT_WAIT).await;
    assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), 0);
    assert_eq!(cancel("1", &session).await, 202);
    assert!(reaches(&server.fake.cancelled, 1).await);

    let answer = read_to_end(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(cancel("1", &session).await, 202);
}

#[tokio::test]
async fn calls_may_share_an_id_and_the_newest_is_cancelled() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let slow = keep_alive(&post(&rpc(1, "slow"))).with("Mcp-Session-Id", &session);
    let mut first = server.connect().await;
    first.write_all(&slow.bytes()).await.unwrap();
    assert!(reaches(&server.fake.handled, 2).await);
    let mut second = server.connect().await;
    second.write_all(&slow.bytes()).await.unwrap();
    assert!(reaches(&server.fake.handled, 3).await);

    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let answer = server
        .send(&post(cancel).with("Mcp-Session-Id", &session))
        .await;
    assert_eq!(answer.status, 202);
    assert!(reaches(&server.fake.cancelled, 1).await);
    server.fake.release.add_permits(2);
    read_until(&mut first, "\"result\":{}}").await;
    assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    for method in ["tools/list", "tell", "slow"] {
        server.fake.release.add_permits(2);
        let request = post_modern(method).with("Connection", "");
        stream.write_all(&request.bytes()).await.unwrap();
        read_until(&mut stream, "\"result\":{}}").await;
        if method == "tell" {
            read_until(&mut stream, "\n\n").await;
        }
    }
}
