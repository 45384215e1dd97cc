//! Tests of limits on sizes, times and counts, and of the shutdown.

use super::*;
use std::time::Instant;

fn limits() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(600),
        write_timeout: Duration::from_millis(600),
        shutdown_grace: Duration::from_millis(300),
        message_bytes: 1000,
        ..Limits::default()
    }
}

/// Reads a stream to its end. Returns the text and the elapsed milliseconds.
async fn outcome(stream: &mut TcpStream) -> (String, u128) {
    let began = Instant::now();
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    // A reset also ends the stream.
    let _ = tokio::time::timeout(TIMEOUT, reading).await.unwrap();
    (
        String::from_utf8(bytes).unwrap(),
        began.elapsed().as_millis(),
    )
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let server = start(Limits {
        idle_timeout: TIMEOUT,
        ..limits()
    })
    .await;
    let (text, elapsed) = outcome(&mut server.connect().await).await;
    assert_eq!(text, "");
    assert!((180..2000).contains(&elapsed), "{elapsed} ms");
}

#[tokio::test]
async fn a_slow_header_is_cut_off_whatever_trickles_in() {
    let server = start(Limits {
        idle_timeout: TIMEOUT,
        ..limits()
    })
    .await;
    for requests_before in [0, 1] {
        let mut stream = server.connect().await;
        let usual = post_modern("tools/list").with("Connection", "").bytes();
        for _ in 0..requests_before {
            stream.write_all(&usual).await.unwrap();
            read_until(&mut stream, "\"result\":{}}").await;
            // Longer than the header timeout, which does not apply to an idle connection.
            tokio::time::sleep(Duration::from_millis(350)).await;
        }
        let began = Instant::now();
        for byte in &usual {
            let written = stream.write_all(std::slice::from_ref(byte)).await;
            if written.is_err() || began.elapsed() > TIMEOUT {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let elapsed = began.elapsed().as_millis();
        assert!(
            (180..2000).contains(&elapsed),
            "{requests_before}: {elapsed} ms"
        );
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_later() {
    let server = start(limits()).await;
    let mut stream = server.connect().await;
    let usual = post_modern("tools/list").with("Connection", "").bytes();
    stream.write_all(&usual).await.unwrap();
    read_until(&mut stream, "\"result\":{}}").await;
    let (_, elapsed) = outcome(&mut stream).await;
    assert!((580..3000).contains(&elapsed), "{elapsed} ms");
}

#[tokio::test]
async fn a_call_may_take_longer_than_a_connection_may_idle() {
    let server = start(limits()).await;
    for method in ["slow", "tell/slow"] {
        let mut stream = server.connect().await;
        stream
            .write_all(&post_modern(method).bytes())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(800)).await;
        server.fake.release.add_permits(2);
        assert_eq!(read_to_end(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let server = start(limits()).await;
    let mut stream = server.connect().await;
    let bytes = post_modern("tools/list").bytes();
    stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    let (text, elapsed) = outcome(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(text.contains("200ms"), "{text}");
    assert!((180..2000).contains(&elapsed), "{elapsed} ms");
}

#[tokio::test]
async fn a_long_body_is_413_at_once_if_declared() {
    let server = start(limits()).await;
    let mut stream = server.connect().await;
    let bytes = post(&" ".repeat(1001)).bytes();
    // Sends only the header: the server must not wait for the body.
    stream
        .write_all(&bytes[..bytes.len() - 1001])
        .await
        .unwrap();
    let text = read_until(&mut stream, "}}").await;
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(text.contains("-32600"), "{text}");
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_served() {
    let server = start(limits()).await;
    for (length, status) in [(1000, 200), (1001, 413)] {
        let text = format!("{:>length$}", modern("tools/list", ""));
        let mut stream = server.connect().await;
        let request = post(&text).with("Mcp-Method", "tools/list");
        let request = request.with("MCP-Protocol-Version", "2026-07-28");
        stream.write_all(&request.bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(answer.status, status, "{length}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = start(limits()).await;
    let long = post(&" ".repeat(20_000_000)).bytes();
    for _ in 0..5 {
        let mut stream = server.connect().await;
        stream.write_all(&long).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!((answer.status, answer.code()), (413, -32600));
    }
}

#[tokio::test]
async fn a_refused_client_that_goes_leaves_its_place_at_once() {
    let server = start(Limits {
        connections: 1,
        ..limits()
    })
    .await;
    let mut refused = server.connect().await;
    let bytes = post(&" ".repeat(1001)).bytes();
    let head = &bytes[..bytes.len() - 1001];
    refused.write_all(head).await.unwrap();
    read_until(&mut refused, "}}").await;
    drop(refused);
    tokio::time::sleep(SHORT_WAIT).await;
    assert_eq!(server.send(&post_modern("tools/list")).await.status, 200);
}

#[tokio::test]
async fn a_chunked_body_is_413_when_it_gets_too_long() {
    let server = start(limits()).await;
    for (chunks, status) in [(3, 200), (20, 413)] {
        let text = modern("tools/list", "");
        let padding = format!("64\r\n{}\r\n", " ".repeat(100));
        let body = format!(
            "{}{:x}\r\n{text}\r\n0\r\n\r\n",
            padding.repeat(chunks),
            text.len()
        );
        let head = String::from_utf8(post_modern("tools/list").bytes()).unwrap();
        let (head, _) = head.split_once("Content-Length").unwrap();
        let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}");
        let answer = server.send_bytes(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn a_long_header_is_431() {
    let server = start(Limits::default()).await;
    let long = "x".repeat(100_000);
    let mut stream = server.connect().await;
    // The server may close the connection before all bytes are sent.
    let _ = stream
        .write_all(&post("").with("X-Long", &long).bytes())
        .await;
    let text = read_until(&mut stream, "\r\n").await;
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let server = start(Limits {
        connections: 2,
        ..Limits::default()
    })
    .await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        let usual = post_modern("tools/list").with("Connection", "").bytes();
        stream.write_all(&usual).await.unwrap();
        read_until(&mut stream, "\"result\":{}}").await;
        kept.push(stream);
    }
    let (text, elapsed) = outcome(&mut server.connect().await).await;
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(elapsed < 200, "{elapsed} ms");
    kept.pop();
    tokio::time::sleep(SHORT_WAIT).await;
    assert_eq!(server.send(&post_modern("tools/list")).await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = start(limits()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(&post_modern("flood").bytes())
        .await
        .unwrap();
    assert!(reaches(&server.fake.handled, 1).await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.fake.cancelled.load(Ordering::SeqCst), 0);
    assert!(reaches(&server.fake.cancelled, 1).await);
}

#[tokio::test]
async fn a_slow_reader_is_not_idle() {
    let server = start(limits()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(&post_modern("long").bytes())
        .await
        .unwrap();
    let (mut total, mut piece) = (0, vec![0; LONG / 40]);
    let began = Instant::now();
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        total += read;
        if read == 0 {
            break;
        }
        if began.elapsed() < limits().idle_timeout * 2 {
            tokio::time::sleep(SHORT_WAIT).await;
        }
    }
    assert!(total > LONG, "{total}");
    assert!(began.elapsed() > limits().idle_timeout);
}

#[tokio::test]
async fn stopping_lets_calls_finish_and_idle_connections_go() {
    let server = start(limits()).await;
    let mut idle = server.connect().await;
    let usual = post_modern("tools/list").with("Connection", "").bytes();
    idle.write_all(&usual).await.unwrap();
    read_until(&mut idle, "\"result\":{}}").await;
    let mut calling = server.connect().await;
    calling
        .write_all(&post_modern("tell/slow").bytes())
        .await
        .unwrap();
    assert!(reaches(&server.fake.handled, 2).await);

    server.stop.send(()).unwrap();
    let (_, elapsed) = outcome(&mut idle).await;
    assert!(elapsed < 150, "{elapsed} ms");
    assert!(TcpStream::connect(server.address).await.is_err());
    server.fake.release.add_permits(2);
    assert_eq!(read_to_end(&mut calling).await.status, 200);
    tokio::time::timeout(SHORT_WAIT, server.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn stopping_cuts_off_what_takes_longer_than_its_grace() {
    let server = start(limits()).await;
    let mut streams = Vec::new();
    for request in [post_modern("tell/slow"), post_modern("slow")] {
        let mut stream = server.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        streams.push(stream);
    }
    assert!(reaches(&server.fake.handled, 2).await);
    server.stop.send(()).unwrap();
    let began = Instant::now();
    server.task.await.unwrap().unwrap();
    let elapsed = began.elapsed().as_millis();
    assert!((280..3000).contains(&elapsed), "{elapsed} ms");
    assert!(reaches(&server.fake.cancelled, 2).await);
}
