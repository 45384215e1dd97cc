//! Errors of construction: they name the place and the fix.

use mcp_runtime::{Server, Upstream};

use super::places::process;

fn url() -> Upstream {
    Upstream::url("http://127.0.0.1:1/mcp").name("search")
}

/// Returns the problem of a server, which is its only one.
async fn problem(server: Server) -> String {
    let client = server.client().await;
    client.tools().await.unwrap_err().to_string()
}

#[tokio::test]
async fn each_mistake_names_the_place_and_the_fix() {
    let server = || Server::new("gateway", "1.0.0");
    let twice = process();
    let cases: Vec<(Server, &[&str])> = vec![
        (
            server().mount("a", twice.clone()).mount("b", twice),
            &["`upstream`", "mounted twice", "make another `Upstream`"],
        ),
        (server().mount("a", process()).mount("a", url()), &["`a`"]),
        (
            server().upstream("a", process()).upstream("a", url()),
            &["`a`", "rename one"],
        ),
        (
            server().mount("a", process()).upstream("a", url()),
            &["called `a`", "rename one", "needs no `upstream`"],
        ),
        (
            server().mount("a", url().args(["x"])),
            &["`search`", "`.args(..)`", "remove it"],
        ),
        (
            server().mount("a", url().env("X", "1")),
            &["`search`", "`.env(..)`", "remove it"],
        ),
        (
            server().mount("a", url().directory("/")),
            &["`search`", "`.directory(..)`", "remove it"],
        ),
        (
            server().upstream("a", url().args(["x"])),
            &["`search`", "`.args(..)`", "remove it"],
        ),
        (
            server().mount("a", process().header("X-A", "1".to_owned())),
            &["`upstream`", "`.header(..)`", "`.env(..)`"],
        ),
        (
            server().mount("a", process().bearer("x")),
            &["`upstream`", "`.env(..)`"],
        ),
        (
            server().mount("a", process().credentials(|_| async { Ok(None) })),
            &["`upstream`", "`.credentials(..)`", "`.env(..)`"],
        ),
        (
            server().mount("a", Upstream::url("example.com/mcp")),
            &["example.com/mcp", "write it like `https://"],
        ),
        (
            server().mount("a", Upstream::url("ftp://example.com")),
            &["ftp://example.com", "`https://` or `http://`"],
        ),
        (
            server().mount("a", Upstream::url("https://")),
            &["https://example.com/mcp"],
        ),
        (
            server().mount("a", Upstream::url("http://ada:pw@example.com/")),
            &["example.com", "credentials", "`Authorization`"],
        ),
        (
            server().mount("a", Upstream::url("")),
            &["https://example.com/mcp"],
        ),
        (
            server().mount("a", Upstream::url("http://a b/")),
            &["https://example.com/mcp"],
        ),
        (
            server().mount("a", url().header("Host", "x")),
            &["`Host`", "remove it"],
        ),
        (
            server().mount("a", url().header("a b", "x".to_owned())),
            &["a b", "letters, digits"],
        ),
        (
            server().mount("a", url().header("X-A", "line\nbreak".to_owned())),
            &["`X-A`", "one line"],
        ),
    ];
    for (server, parts) in cases {
        let shown = format!("{parts:?}");
        let problem = problem(server).await;
        for part in parts {
            assert!(problem.contains(part), "{shown}: {problem}");
        }
        assert!(!problem.contains("pw@"), "{problem}");
        let lines = problem.lines().filter(|line| line.starts_with("- "));
        assert_eq!(lines.count(), 1, "{problem}");
    }
}
