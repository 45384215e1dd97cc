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

/// Opens a mounted endpoint with a session. There is no socket, which would not work with a paused clock.
async fn mounted(limits: Limits) -> (Arc<Fake>, HttpService, String) {
    let fake = Fake::new(limits);
    let service = HttpService::new(fake.clone(), tokens(), HttpOptions::default(), None);
    let opened = ask(&service, &post(&rpc(0, "initialize"))).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap();
    (fake, service, session.to_owned())
}

/// Waits for at most a day, so that a test with a paused clock fails instead of waiting for ever.
async fn within_a_day<T>(future: impl Future<Output = T>) -> T {
    let day = Duration::from_secs(86_400);
    let output = tokio::time::timeout(day, future).await;
    output.expect("the future is ready within a day")
}

/// Reads this number of chunks, each with the seconds until it came.
async fn chunks(body: &mut HttpBody, number: usize) -> Vec<(u64, String)> {
    use http_body_util::BodyExt;
    let mut chunks = Vec::new();
    let began = tokio::time::Instant::now();
    for _ in 0..number {
        let frame = within_a_day(body.frame()).await.unwrap().unwrap();
        let data = frame.into_data().unwrap().to_vec();
        chunks.push((began.elapsed().as_secs(), String::from_utf8(data).unwrap()));
    }
    chunks
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive_by_comments() {
    let (_fake, service, session) = mounted(Limits::default()).await;
    let get = request("GET /mcp").with("Accept", "text/event-stream");
    for (request, first) in [
        (post_modern("tell/slow"), STEP_1),
        (
            post(&rpc(5, "tell/slow")).with("Mcp-Session-Id", &session),
            "",
        ),
        (get.with("Mcp-Session-Id", &session), ""),
    ] {
        let response = ask(&service, &request).await;
        let chunks = chunks(&mut response.into_body(), 3).await;
        assert!(chunks[0].1.contains(first), "{chunks:?}");
        let comments = [(15, ":\n\n".to_owned()), (30, ":\n\n".to_owned())];
        assert_eq!((chunks[0].0, &chunks[1..]), (0, &comments[..]));
    }
}

/// For each era: the request of a quiet call, and the start of the stream that it becomes.
fn quiet_calls(session: &str) -> [(Request<'_>, &'static str); 2] {
    [
        (post_modern("slow"), ":\n\n"),
        (
            post(&rpc(7, "slow")).with("Mcp-Session-Id", session),
            "retry: 500\ndata: \n\n",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_quiet_call_becomes_a_stream_for_clients_that_accept_events() {
    let (fake, service, session) = mounted(Limits::default()).await;
    for (request, start) in quiet_calls(&session) {
        let began = tokio::time::Instant::now();
        let response = within_a_day(ask(&service, &request)).await;
        assert_eq!(began.elapsed().as_secs(), 10);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        let first = chunks(&mut body, 3).await;
        assert!(first[0].1.ends_with(start), "{first:?}");
        assert_eq!(
            [first[0].0, first[1].0, first[2].0],
            [0, 15, 30],
            "{first:?}"
        );
        fake.release.add_permits(2);
        let last = chunks(&mut body, 1).await;
        assert!(last[0].1.ends_with(REPLY), "{last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_call_stays_json_if_it_ends_in_time_or_if_its_client_accepts_only_json() {
    let (fake, service, session) = mounted(Limits::default()).await;
    for (request, _) in quiet_calls(&session) {
        for (accept, seconds) in [
            ("application/json, text/event-stream", 9),
            ("application/json", 3600),
        ] {
            let release = Arc::clone(&fake.release);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                release.add_permits(2);
            });
            let began = tokio::time::Instant::now();
            let response = ask(&service, &request.clone().with("Accept", accept)).await;
            assert_eq!(began.elapsed().as_secs(), seconds);
            assert_eq!(response.headers()["content-type"], "application/json");
        }
    }
}

/// A limit without an end is never reached, and does not overflow.
#[tokio::test(start_paused = true)]
async fn the_times_of_quiet_calls_are_configurable() {
    let limits = |stream, comment| Limits {
        event_stream_after: stream,
        keep_alive: comment,
        ..Limits::default()
    };
    let (fake, service, session) =
        mounted(limits(Duration::from_secs(2), Duration::from_secs(3))).await;
    for (request, _) in quiet_calls(&session) {
        let began = tokio::time::Instant::now();
        let mut body = within_a_day(ask(&service, &request)).await.into_body();
        assert_eq!(began.elapsed().as_secs(), 2);
        let times = chunks(&mut body, 3).await;
        assert_eq!([times[0].0, times[1].0, times[2].0], [0, 3, 6]);
        fake.release.add_permits(2);
        chunks(&mut body, 1).await;
    }
    let (_fake, service, session) = mounted(limits(Duration::ZERO, Duration::ZERO)).await;
    for (request, _) in quiet_calls(&session) {
        let began = tokio::time::Instant::now();
        let mut body = within_a_day(ask(&service, &request)).await.into_body();
        chunks(&mut body, 11).await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }
    let (fake, service, session) = mounted(limits(Duration::MAX, Duration::MAX)).await;
    for (request, _) in quiet_calls(&session) {
        let mut waiting = std::pin::pin!(ask(&service, &request));
        // The session ends after a day.
        let long = Duration::from_secs(10 * 3600);
        assert!(tokio::time::timeout(long, &mut waiting).await.is_err());
        fake.release.add_permits(2);
        let response = waiting.await;
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}

/// A disconnect after the change to a stream cancels a stateless call. A call of a session continues, and its client can
/// resume the stream.
#[tokio::test(start_paused = true)]
async fn a_quiet_call_that_became_a_stream_keeps_the_rules_of_its_era() {
    let (fake, service, session) = mounted(Limits::default()).await;
    let [(modern, _), (legacy, _)] = quiet_calls(&session);
    drop(within_a_day(ask(&service, &modern)).await);
    assert_eq!(fake.cancelled.load(Ordering::SeqCst), 1);

    let mut body = within_a_day(ask(&service, &legacy)).await.into_body();
    let first = chunks(&mut body, 1).await;
    let id = first[0].1.lines().next().unwrap().replace("id: ", "");
    drop(body);
    fake.release.add_permits(2);
    tokio::time::sleep(SHORT_WAIT).await;
    assert_eq!(fake.finished.load(Ordering::SeqCst), 1);
    let again = request("GET /mcp")
        .with("Accept", "text/event-stream")
        .with("Mcp-Session-Id", &session)
        .with("Last-Event-ID", &id);
    let mut body = ask(&service, &again).await.into_body();
    assert!(chunks(&mut body, 1).await[0].1.ends_with(REPLY));
    assert_eq!(fake.cancelled.load(Ordering::SeqCst), 1);
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
