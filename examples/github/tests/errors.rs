//! The tests of errors, headers and the token.

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::mock::ok;
use super::*;
use crate::api::{next_page, rate_limit};

#[tokio::test]
async fn errors_say_what_can_be_done() {
    let invalid = json!({ "message": "Validation Failed", "errors": [{ "code": "missing", "field": "title" }] });
    let cases: [(Answer, &str); 7] = [
        (
            (401, vec![], json!({ "message": "Bad credentials" })),
            "GitHub refuses the token: set a valid `GITHUB_TOKEN`",
        ),
        (
            (403, vec![], json!({ "message": "Resource not accessible" })),
            "the token does not permit this: Resource not accessible",
        ),
        (
            (404, vec![], json!({})),
            "there is nothing of this name, or the token has no access to it",
        ),
        (
            (422, vec![], invalid),
            "GitHub refuses the request: Validation Failed {\"code\":\"missing\",\"field\":\"title\"}",
        ),
        (
            (503, vec![], Value::Null),
            "GitHub has the status 503 Service Unavailable: try again later",
        ),
        (
            (410, vec![], json!({ "message": "Issues are disabled" })),
            "GitHub has the status 410 Gone: Issues are disabled",
        ),
        (
            ok(json!([])),
            "the response of GitHub has an unknown form: error decoding response body",
        ),
    ];
    for (answer, message) in cases {
        let mock = Mock::start(move |_, _| answer.clone()).await;
        let client = serve(&mock, Some(TOKEN)).await;
        let reply = client
            .call("get_issue", with_repo(json!({ "issue_number": 1 })))
            .await
            .unwrap();
        assert!(reply.is_error());
        assert_eq!(reply.text(), message);
    }
}

#[test]
fn rate_limits_name_the_time() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let headers = |pairs: &[(&'static str, String)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        pairs.collect::<HeaderMap>()
    };
    let reset = |seconds: i64| {
        headers(&[
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", (now.as_second() + seconds).to_string()),
        ])
    };
    let after = |value: &str| headers(&[("retry-after", value.to_owned())]);
    let remaining = headers(&[("x-ratelimit-remaining", "59".to_owned())]);
    let wait = |until: &str, seconds| {
        Some(format!(
            "GitHub accepts no more requests until 2026-01-01T{until}Z: try again in {seconds} seconds"
        ))
    };
    let (forbidden, too_many) = (StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS);
    let cases = [
        (forbidden, reset(312), wait("00:05:12", 312)),
        (too_many, reset(312), wait("00:05:12", 312)),
        (forbidden, reset(-5), wait("00:00:01", 1)),
        (forbidden, after("30"), wait("00:00:30", 30)),
        (too_many, after("30"), wait("00:00:30", 30)),
        (too_many, after("soon"), wait("00:01:00", 60)),
        (too_many, headers(&[]), wait("00:01:00", 60)),
        (forbidden, headers(&[]), None),
        (forbidden, remaining, None),
        (StatusCode::NOT_FOUND, reset(312), None),
    ];
    for (status, headers, expected) in cases {
        assert_eq!(
            rate_limit(status, &headers, now),
            expected,
            "{status} {headers:?}"
        );
    }
    for huge in [i64::MIN, i64::MAX] {
        let headers = headers(&[
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", huge.to_string()),
        ]);
        let _ = rate_limit(forbidden, &headers, now);
    }
}

#[test]
fn links_name_the_next_page() {
    let cases = [
        (
            "<https://api.github.com/repositories/1/issues?page=2>; rel=\"next\", <https://x/?page=9>; rel=\"last\"",
            Some(2),
        ),
        (
            "<https://x/?page=1>; rel=\"prev\", <https://x/?per_page=30&page=3&after=a>; rel=\"next\"",
            Some(3),
        ),
        ("<https://x/?page=1>; rel=\"prev\"", None),
        ("<https://x/?after=a>; rel=\"next\"", None),
        ("page=2; rel=\"next\"", None),
        ("<https://x/?page=-1>; rel=\"next\"", None),
        ("", None),
    ];
    for (link, page) in cases {
        let headers = HeaderMap::from_iter([("link".parse().unwrap(), link.parse().unwrap())]);
        assert_eq!(next_page(&headers), page, "{link}");
    }
    assert_eq!(next_page(&HeaderMap::new()), None);
}

/// A renamed repository is found at its new path. A redirect to another host would give it the token.
#[tokio::test]
async fn the_token_stays_with_its_host() {
    let trap = Mock::start(answers).await;
    let elsewhere = trap.url.clone();
    let mock = Mock::start(move |target, url| match target {
        "/repos/octo-org/hello.world/issues/1" => (
            301,
            vec![(
                "location",
                format!("{url}/repos/octo-org/hello.world/issues/7"),
            )],
            json!({}),
        ),
        "/repos/octo-org/hello.world/issues/2" => (
            302,
            vec![(
                "location",
                format!("{elsewhere}/repos/octo-org/hello.world/issues/7"),
            )],
            json!({}),
        ),
        "/repos/octo-org/hello.world/issues/3" => {
            (302, vec![("location", target.to_owned())], json!({}))
        }
        _ => answers(target, url),
    })
    .await;
    let client = serve(&mock, Some(TOKEN)).await;
    let moved = call(
        &client,
        "get_issue",
        with_repo(json!({ "issue_number": 1 })),
    )
    .await;
    assert_eq!(moved.structured()["number"], 7);
    for number in [2, 3] {
        let reply = client
            .call("get_issue", with_repo(json!({ "issue_number": number })))
            .await
            .unwrap();
        assert!(
            reply.text().starts_with("GitHub cannot be reached"),
            "{}",
            reply.text()
        );
    }
    assert_eq!(trap.received().len(), 0);
    call(
        &serve(&trap, None).await,
        "get_issue",
        with_repo(json!({ "issue_number": 7 })),
    )
    .await;
    assert_eq!(trap.received().len(), 1);
}

#[tokio::test]
async fn the_token_is_in_no_text() {
    let github = GitHub::new("http://127.0.0.1:1", Some(Secret::new(TOKEN.to_owned()))).unwrap();
    let request = github.request(reqwest::Method::GET, &["user"]).unwrap();
    assert!(!format!("{request:?}").contains("secret"));
    let client = server(github).client().await;
    for (tool, arguments) in [
        ("get_issue", with_repo(json!({ "issue_number": 1 }))),
        ("create_issue", with_repo(json!({ "title": "x" }))),
    ] {
        let reply = client.call(tool, arguments).await.unwrap();
        assert!(
            reply.text().starts_with("GitHub cannot be reached"),
            "{}",
            reply.text()
        );
        assert!(!format!("{reply:?}").contains("secret"));
    }
    let wrong = GitHub::new(API, Some(Secret::new("ghp_\nsecret".to_owned())));
    assert_eq!(
        wrong.err().as_deref(),
        Some("GITHUB_TOKEN contains characters that no token has")
    );
}

#[test]
fn the_url_of_the_api_is_https() {
    for url in [
        "https://github.example.com/api/v3",
        "https://github.example.com/api/v3/",
        "http://localhost:8080",
    ] {
        assert!(GitHub::new(url, None).is_ok(), "{url}");
    }
    for url in [
        "http://github.example.com/api/v3",
        "github.example.com",
        "ftp://x",
        "",
    ] {
        let error = GitHub::new(url, None).err();
        assert!(
            error.is_some_and(|error| error.starts_with(&format!("GITHUB_API_URL `{url}` is not"))),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_call_that_is_one_too_many_is_told_when_to_continue() {
    for status in [403, 429] {
        let headers = vec![("retry-after", "30".to_owned())];
        let answer = (
            status,
            headers,
            json!({ "message": "API rate limit exceeded" }),
        );
        let mock = Mock::start(move |_, _| answer.clone()).await;
        let client = serve(&mock, Some(TOKEN)).await;
        let issue = with_repo(json!({ "issue_number": 1 }));
        let reply = client.call("get_issue", issue).await.unwrap();
        assert!(reply.is_error());
        let text = reply.text();
        assert!(
            text.starts_with("GitHub accepts no more requests until 20"),
            "{text}"
        );
        assert!(text.ends_with("try again in 30 seconds"), "{text}");
        assert_eq!(mock.received().len(), 1);
    }
}
