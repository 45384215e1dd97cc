//! The handshake: protocols, versions, slow and plain clients, and the end of a server.

use std::time::{Duration, Instant};

use mcp_runtime::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::version;

use crate::authority::Authority;
use crate::fixture::{ADA, server};
use crate::http::{Client, ERAS, bearer, request};
use crate::secure::{connect, health, start_encrypted, tls, tunnel};

#[tokio::test]
async fn http_1_1_is_agreed_over_both_versions_of_tls() {
    let authority = Authority::new("ca");
    let address = start_encrypted(&authority, server()).await;
    for offered in [&version::TLS13, &version::TLS12] {
        let protocols = [&[&b"h2"[..], b"http/1.1"][..], &[b"http/1.1"], &[]];
        for offered_protocols in protocols {
            let mut config = authority.config_of_versions(None, &[offered]);
            config.alpn_protocols = offered_protocols.iter().map(|it| it.to_vec()).collect();
            let stream = connect(address, config.clone()).await.unwrap();
            let session = stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(offered.version));
            let protocol = (!offered_protocols.is_empty()).then_some(&b"http/1.1"[..]);
            assert_eq!(session.alpn_protocol(), protocol);
            let text = health(address, config).await.unwrap();
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        }
        let mut config = authority.client_config(None);
        config.alpn_protocols = vec![b"h2".to_vec()];
        assert!(health(address, config).await.is_err());
    }
}

#[tokio::test]
async fn clients_of_both_eras_call_tools_over_tls() {
    let authority = Authority::new("ca");
    let address = start_encrypted(&authority, server()).await;
    let address = tunnel(address, authority.client_config(None)).await;
    for revision in ERAS {
        let client = Client::new(address, revision, ADA).await;
        let names: Vec<String> = vec!["x".repeat(300_000)];
        for (tool, arguments, expected) in [
            ("open", json!({}), json!("open")),
            ("read_headers", json!({ "names": names }), json!("[null]")),
        ] {
            let params = json!({ "name": tool, "arguments": arguments });
            let reply = client.request("tools/call", params, &[bearer(ADA)]).await;
            let reply = reply.message();
            assert_eq!(reply["result"]["content"][0]["text"], expected);
        }
    }
}

#[tokio::test]
async fn a_client_without_tls_is_answered_in_plain_http() {
    let authority = Authority::new("ca");
    let address = start_encrypted(&authority, server()).await;
    let body = "x".repeat(100_000);
    for bytes in [
        request("GET /health", &[], ""),
        request("POST /mcp", &[("Content-Type", "application/json")], &body),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, message) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert!(head.contains(&format!("Content-Length: {}", message.len())));
        assert!(message.contains("use a URL with https://"), "{text}");
    }
    // What is neither TLS nor HTTP is not answered.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[0; 64]).await.unwrap();
    let mut bytes = Vec::new();
    // The connection may be reset, because the server has not read all of it.
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn slow_handshakes_end_in_time_and_delay_nobody() {
    let authority = Authority::new("ca");
    let mut limits = Limits::default();
    limits.header_timeout = Duration::from_secs(2);
    let address = start_encrypted(&authority, server().limits(limits)).await;
    let begin = Instant::now();
    // Clients that send nothing, and clients that send the beginning of a handshake.
    let mut slow = Vec::new();
    for index in 0..40 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if index % 2 == 0 {
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
        }
        slow.push(stream);
    }
    let mut prompt = 0;
    while prompt < 20 && begin.elapsed() < Duration::from_secs(1) {
        health(address, authority.client_config(None))
            .await
            .unwrap();
        prompt += 1;
    }
    assert!(prompt > 0, "a handshake took {:?}", begin.elapsed());
    for mut stream in slow {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(1900));
}

#[tokio::test]
async fn a_server_that_stops_ends_encrypted_connections() {
    let authority = Authority::new("ca");
    authority.certify_server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calendar = server().tls(tls(&authority));
    let handle = calendar.handle();
    let pending = std::future::pending();
    let serving = tokio::spawn(calendar.serve_listener_with_shutdown(listener, pending));
    // A connection that waits for its next request, and one whose handshake has not ended.
    let mut idle = connect(address, authority.client_config(None))
        .await
        .unwrap();
    let get = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    idle.write_all(get).await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let _unfinished = TcpStream::connect(address).await.unwrap();
    let begin = Instant::now();
    handle.stop().await;
    serving.await.unwrap().unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "not by the grace period"
    );
    // An end without `close_notify` would be an error.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"ok"));
}
