//! The tests of `robots.txt`.

use super::escapes::{endless, redirect_to, redirecting};
use super::*;

/// Answers `/robots.txt` with these rules, and all other paths with a page.
fn robots(rules: &'static str) -> impl Fn(&str) -> Answer + Clone + Send + Sync {
    move |path| match path {
        "/robots.txt" => Answer::new("text/plain", rules),
        _ => Answer::new("text/plain", "the page"),
    }
}

#[tokio::test]
async fn sites_decide_what_robots_read() {
    let cases = [
        ("User-agent: *\nDisallow: /", false),
        ("User-agent: *\nDisallow: /p", false),
        ("User-agent: *\nDisallow: /*.html$", false),
        ("User-agent: mcp-runtime-fetch\nDisallow: /", false),
        (
            "User-agent: MCP-Runtime-Fetch\nDisallow: /\n\nUser-agent: *\nAllow: /",
            false,
        ),
        ("User-agent: *\nDisallow: /\nAllow: /p", true),
        (
            "User-agent: *\nDisallow: /\n\nUser-agent: mcp-runtime-fetch\nDisallow:",
            true,
        ),
        ("User-agent: other\nDisallow: /", true),
        ("", true),
    ];
    for (rules, is_allowed) in cases {
        let site = Site::start(ALLOWED, robots(rules)).await;
        let url = site.url("/page.html");
        let reply = serve(settings())
            .await
            .call("fetch", json!({ "url": url }))
            .await
            .unwrap();
        assert_eq!(!reply.is_error(), is_allowed, "{rules}: {}", reply.text());
        let paths: Vec<_> = site.requests().into_iter().map(|it| it.path).collect();
        let expected: &[&str] = if is_allowed {
            &["/robots.txt", "/page.html"]
        } else {
            &["/robots.txt"]
        };
        assert_eq!(paths, expected, "{rules}");
        // The user may read the page, and so may a model if the operator says so.
        let prompt = serve(settings())
            .await
            .prompt("fetch", json!({ "url": url }))
            .await;
        assert!(prompt.is_ok(), "{rules}");
        let client = serve(Settings {
            obeys_robots: false,
            ..settings()
        })
        .await;
        fetched(&client, json!({ "url": url })).await;
        assert_eq!(site.requests().len(), expected.len() + 2, "{rules}");
    }
}

/// The rules are those of the site that a redirect leads to.
#[tokio::test]
async fn robots_rules_after_a_redirect() {
    let second = Site::start(ALLOWED, robots("User-agent: *\nDisallow: /")).await;
    let first = Site::start(ALLOWED, redirecting).await;
    let text = refusal(
        &serve(settings()).await,
        &redirect_to(&first, &second.url("/page")),
    )
    .await;
    assert!(text.contains("does not allow robots"), "{text}");
    assert_eq!(second.requests().len(), 1);
}

/// An answer for `/robots.txt`, and the reason of the error if there is one.
type Case = (fn() -> Answer, Option<&'static str>);

#[tokio::test]
async fn robots_rules_that_cannot_be_read() {
    let cases: [Case; 8] = [
        (|| Answer::status(404), None),
        (|| Answer::status(403), None),
        (|| Answer::status(429), Some("has the status 429")),
        (|| Answer::status(503), Some("has the status 503")),
        (
            || Answer::redirect("http://127.0.0.2/robots.txt"),
            Some("is not a public address"),
        ),
        (
            || Answer::redirect("/robots.txt"),
            Some("more than 5 redirects"),
        ),
        (
            || Answer::new("text/plain", endless(b"Disallow: /x\n")),
            None,
        ),
        (
            || Answer::new("image/png", b"\xff\xfe\0\0\0(((".as_slice()),
            None,
        ),
    ];
    for (number, (answer, reason)) in cases.into_iter().enumerate() {
        let site = Site::start(ALLOWED, move |path| match path {
            "/robots.txt" => answer(),
            _ => Answer::new("text/plain", "the page"),
        });
        let site = site.await;
        let reply = serve(settings())
            .await
            .call("fetch", json!({ "url": site.url("/page") }))
            .await;
        let text = reply.unwrap().text();
        match reason {
            Some(reason) => assert!(text.contains(reason), "{number}: {text}"),
            None => assert!(text.ends_with("the page"), "{number}: {text}"),
        }
    }
}
