//! Tests of the version header within a session: the status of each method for each kind of value.

use super::*;

const VERSION: &str = "MCP-Protocol-Version";

/// Names of cases, and the values of the header in each. The session speaks 2025-11-25.
const VALUES: [(&str, &[&[u8]]); 9] = [
    ("none", &[]),
    ("the session's", &[b"2025-11-25"]),
    // Clients SHOULD, but need not, repeat the negotiated version.
    ("another", &[b"2025-03-26"]),
    ("unknown", &[b"1999-01-01"]),
    ("empty", &[b" "]),
    ("repeated", &[b"2025-11-25", b"2025-11-25"]),
    ("stateless and repeated", &[b"2026-07-28", b"2026-07-28"]),
    ("unreadable", &[b"2025-11-2\xb5"]),
    ("stateless", &[b"2026-07-28"]),
];

type Statuses = [u16; VALUES.len()];

/// Returns the statuses of a request of this session with each of the values.
async fn statuses(server: &TestServer, request: &Request<'_>, session: &str) -> Statuses {
    let mut statuses = [0; VALUES.len()];
    for ((_, values), status) in VALUES.iter().zip(&mut statuses) {
        let mut request = request.clone();
        request.headers.push(("Mcp-Session-Id", session.as_bytes()));
        request
            .headers
            .extend(values.iter().map(|value| (VERSION, *value)));
        let mut stream = server.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        let line = read_until(&mut stream, "\r\n").await;
        *status = line.split(' ').nth(1).unwrap().parse().unwrap();
    }
    statuses
}

#[tokio::test]
async fn every_method_reads_the_version() {
    let server = start(Limits::default()).await;
    let get = request("GET /mcp").with("Accept", "text/event-stream");
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/anything"}"#;
    let cases: [(&str, Request<'_>, Statuses); 4] = [
        ("GET", get, [200, 200, 200, 400, 400, 400, 400, 400, 405]),
        (
            "request",
            post(&rpc(1, "ping")),
            [200, 200, 200, 400, 400, 400, 400, 400, 400],
        ),
        (
            "initialize",
            post(&rpc(1, "initialize")),
            [200, 200, 200, 400, 400, 400, 400, 400, 400],
        ),
        (
            "notification",
            post(notification),
            [202, 202, 202, 400, 400, 400, 400, 400, 202],
        ),
    ];
    let session = server.initialize().await;
    for (name, request, expected) in cases {
        let statuses = statuses(&server, &request, &session).await;
        assert_eq!(statuses, expected, "{name}: {VALUES:?}");
    }
}

#[tokio::test]
async fn a_session_is_not_ended_under_a_version_that_is_none() {
    let server = start(Limits::default()).await;
    for (place, status) in [204, 204, 204, 400, 400, 400, 400, 400, 405]
        .into_iter()
        .enumerate()
    {
        let session = server.initialize().await;
        let (name, values) = VALUES[place];
        let mut delete = request("DELETE /mcp").with("Mcp-Session-Id", &session);
        delete
            .headers
            .extend(values.iter().map(|value| (VERSION, *value)));
        let answer = server.send(&delete).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        let ping = post(&rpc(1, "ping")).with("Mcp-Session-Id", &session);
        let after = if status == 204 { 404 } else { 200 };
        assert_eq!(server.send(&ping).await.status, after, "{name}");
    }
}

/// The stateless era has neither sessions nor batches. Its version header takes precedence.
#[tokio::test]
async fn a_batch_is_none_under_a_version_without_sessions() {
    let server = start(Limits::default()).await;
    let (can, client) = (ClientCapabilities::default(), ClientInfo::default());
    let session = Sessions::begin(Revision::V2025_03_26, can, client, None).unwrap();
    let token = server.service.endpoint.tokens.seal(&session).unwrap();
    let batch = post(&format!("[{}]", rpc(1, "ping")));
    let statuses = statuses(&server, &batch, &token).await;
    assert_eq!(statuses, [200, 200, 200, 400, 400, 400, 400, 400, 400]);
}
