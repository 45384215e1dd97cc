//! Tests of CORS: the headers that browsers require before a page may read an answer.

use super::*;

const APP: &str = "https://app.example.com";

fn preflight(path: &str) -> Request<'_> {
    request(path)
        .with("Origin", APP)
        .with("Access-Control-Request-Method", "POST")
}

/// Returns the names in a header with a list, in lower case.
fn list(answer: &Answer, name: &str) -> Vec<String> {
    let value = answer.header(name).unwrap_or_default();
    let names = value
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase());
    names.collect()
}

fn is_open_to(answer: &Answer, origin: Option<&str>) -> bool {
    let vary = origin.map(|_| "Origin");
    answer.header("access-control-allow-origin") == origin && answer.header("vary") == vary
}

#[tokio::test]
async fn an_allowed_page_may_read_every_answer() {
    let server = start(Limits::default()).await;
    let session = server.initialize().await;
    let stream = request("GET /mcp").with("Accept", "text/event-stream");
    let delete = request("DELETE /mcp").with("Mcp-Session-Id", &session);
    for (request, status) in [
        (post_modern("tools/list"), 200),
        (post_modern("tell"), 200),
        (post(&rpc(0, "initialize")), 200),
        (post_modern("busy"), 503),
        (post_modern("no/such"), 404),
        (post("{").with("Content-Type", "text/plain"), 415),
        (post("{"), 400),
        (stream.with("Mcp-Session-Id", "nonsense"), 404),
        (request("PUT /mcp"), 405),
        (request("POST /elsewhere"), 404),
        (request("GET /health"), 200),
        (request("POST /mcp").with("Host", "evil.test"), 403),
        (delete, 204),
    ] {
        let answer = server.send(&request.with("Origin", APP)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(is_open_to(&answer, Some(APP)), "{answer:?}");
        assert_eq!(
            list(&answer, "access-control-expose-headers"),
            [
                "mcp-session-id",
                "mcp-protocol-version",
                "www-authenticate",
                "retry-after"
            ]
        );
    }
}

#[tokio::test]
async fn other_pages_and_programs_get_no_leave() {
    let server = start(Limits::default()).await;
    for (request, origin, status) in [
        (post_modern("tools/list"), "https://evil.test", 403),
        (preflight("OPTIONS /mcp"), "https://evil.test", 403),
        (preflight("OPTIONS /mcp"), "null", 403),
        (post_modern("tools/list"), "", 200),
        (preflight("OPTIONS /mcp"), "", 405),
    ] {
        let answer = server.send(&request.with("Origin", origin)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(is_open_to(&answer, None), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-methods"), None);
    }
    let twice = post_modern("tools/list")
        .and("Origin", APP)
        .and("Origin", APP);
    let answer = server.send(&twice).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(is_open_to(&answer, None), "{answer:?}");
}

#[tokio::test]
async fn a_preflight_is_answered_with_what_the_protocol_needs() {
    let server = start(Limits::default()).await;
    let wanted = "content-type, mcp-method,MCP-PARAM-Region ,mcp-param-, x-other, mcp-param-a b";
    let request = preflight("OPTIONS /mcp")
        .with("Access-Control-Request-Headers", wanted)
        .and("Access-Control-Request-Headers", "mcp-param-size");
    let answer = server.send(&request).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (204, ""),
        "{answer:?}"
    );
    assert!(is_open_to(&answer, Some(APP)), "{answer:?}");
    assert_eq!(
        list(&answer, "access-control-allow-methods"),
        ["post", "get", "delete"]
    );
    assert_eq!(
        list(&answer, "access-control-allow-headers"),
        [
            "content-type",
            "accept",
            "authorization",
            "mcp-session-id",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "last-event-id",
            "mcp-param-region",
            "mcp-param-size"
        ]
    );
    let age = answer.header("access-control-max-age").unwrap();
    assert!(age.parse::<u32>().unwrap() >= 600, "{age}");
    assert_eq!(server.fake.handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_local_page_is_an_allowed_one() {
    let server = start(Limits::default()).await;
    let origin = "http://localhost:3000";
    let answer = server
        .send(&preflight("OPTIONS /mcp").with("Origin", origin))
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(is_open_to(&answer, Some(origin)), "{answer:?}");
}

#[tokio::test]
async fn options_that_are_no_preflight_are_refused() {
    let server = start(Limits::default()).await;
    let without_method = preflight("OPTIONS /mcp").with("Access-Control-Request-Method", "");
    for (request, status) in [
        (without_method, 405),
        (preflight("OPTIONS /elsewhere"), 404),
        (preflight("OPTIONS /mcp").with("Host", "evil.test"), 403),
    ] {
        let answer = server.send(&request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-methods"), None);
    }
}
