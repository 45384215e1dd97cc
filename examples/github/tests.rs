//! The tests of the tools, against a mock of the API.

mod errors;
mod mock;

use mcp_runtime::{Client, ToolReply};
use serde_json::{Value, json};

use super::*;
use crate::tests::mock::{Answer, Mock, directory, file, issue, pull, repository};

const TOKEN: &str = "ghp_0123456789secret";

async fn serve(mock: &Mock, token: Option<&str>) -> Client {
    let token = token.map(|token| Secret::new(token.to_owned()));
    server(GitHub::new(&mock.url, token).unwrap())
        .client()
        .await
}

/// Adds the repository to the arguments of a tool.
fn with_repo(mut arguments: Value) -> Value {
    arguments["owner"] = "octo-org".into();
    arguments["repo"] = "hello.world".into();
    arguments
}

async fn call(client: &Client, tool: &str, arguments: Value) -> ToolReply {
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(!reply.is_error(), "{tool}: {}", reply.text());
    reply
}

/// Answers each operation. The first page of a list names the second one.
fn answers(target: &str, url: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path
        .strip_prefix("/repos/octo-org/hello.world")
        .unwrap_or(path);
    let found =
        |item: Value| json!({ "total_count": 40, "incomplete_results": false, "items": [item] });
    let code = json!({ "path": "src/a.rs", "repository": { "full_name": "a/b" }, "html_url": "https://github.com/a/b/blob/x/src/a.rs" });
    let changed = json!({ "filename": "a.bin", "status": "added", "additions": 1, "deletions": 2, "changes": 3, "sha": "x" });
    let body = match path {
        "/issues" if query.is_empty() => issue(1347),
        "/issues" => json!([issue(7), issue(6)]),
        "/issues/7" => issue(7),
        "/issues/7/comments" => {
            json!({ "id": 1, "html_url": "https://github.com/octo-org/hello.world/issues/7#issuecomment-1" })
        }
        "/pulls" => json!([pull(8)]),
        "/pulls/8" => pull(8),
        "/pulls/8/files" => json!([changed]),
        "/contents/" | "/contents" => directory(),
        "/contents/a%20%23%3F/%C3%BC.txt" => file("a #?/ü.txt", "w7xp\nY2hl\n"),
        "/contents/pixel.png" => file("pixel.png", "iVBORw==\n"),
        "/contents/large" => {
            json!({ "type": "file", "encoding": "none", "size": 5_000_000, "path": "large", "content": "", "html_url": "x" })
        }
        "/contents/link" => {
            json!({ "type": "symlink", "size": 3, "path": "link", "target": "src", "html_url": "x" })
        }
        "/search/code" => found(code),
        "/search/issues" => found(issue(7)),
        "/search/repositories" => found(repository()),
        _ => return (404, vec![], json!({ "message": "Not Found" })),
    };
    let next = format!(
        "<{url}{path}?page=1>; rel=\"first\", <{url}{path}?state=open&page=2&after=x>; rel=\"next\""
    );
    let headers = if query.ends_with("page=1") {
        vec![("link", next)]
    } else {
        vec![]
    };
    (200, headers, body)
}

#[tokio::test]
async fn each_tool_reads_one_operation() {
    let mock = Mock::start(answers).await;
    let client = serve(&mock, Some(TOKEN)).await;
    let repo = "/repos/octo-org/hello.world";
    let cases = [
        (
            "list_issues",
            with_repo(json!({})),
            format!("{repo}/issues?state=open&per_page=30&page=1"),
        ),
        (
            "list_issues",
            with_repo(json!({ "state": "all", "labels": ["bug", "a b"], "page": 2 })),
            format!("{repo}/issues?state=all&labels=bug%2Ca+b&per_page=30&page=2"),
        ),
        (
            "get_issue",
            with_repo(json!({ "issue_number": 7 })),
            format!("{repo}/issues/7"),
        ),
        (
            "list_pull_requests",
            with_repo(json!({ "state": "closed" })),
            format!("{repo}/pulls?state=closed&per_page=30&page=1"),
        ),
        (
            "get_pull_request",
            with_repo(json!({ "pull_number": 8 })),
            format!("{repo}/pulls/8"),
        ),
        (
            "get_pull_files",
            with_repo(json!({ "pull_number": 8 })),
            format!("{repo}/pulls/8/files?per_page=30&page=1"),
        ),
        (
            "get_file_contents",
            with_repo(json!({ "path": "/a #?/ü.txt", "ref": "v1/x&y" })),
            format!("{repo}/contents/a%20%23%3F/%C3%BC.txt?ref=v1%2Fx%26y"),
        ),
        (
            "search_code",
            json!({ "query": "addClass repo:a/b" }),
            "/search/code?q=addClass+repo%3Aa%2Fb&per_page=30&page=1".to_owned(),
        ),
        (
            "search_issues",
            json!({ "query": "x&page=9", "page": 3 }),
            "/search/issues?q=x%26page%3D9&per_page=30&page=3".to_owned(),
        ),
        (
            "search_repos",
            json!({ "query": "tetris" }),
            "/search/repositories?q=tetris&per_page=30&page=1".to_owned(),
        ),
    ];
    for (number, (tool, arguments, target)) in cases.into_iter().enumerate() {
        call(&client, tool, arguments).await;
        let received = mock.received();
        assert_eq!(received.len(), number + 1, "{tool}");
        assert_eq!(
            (received[number].method.as_str(), &received[number].target),
            ("GET", &target)
        );
        assert_eq!(
            received[number].authorization,
            Some(format!("Bearer {TOKEN}"))
        );
    }
}

#[tokio::test]
async fn results_have_the_fields_that_models_need() {
    let mock = Mock::start(answers).await;
    let client = serve(&mock, None).await;
    let page = call(&client, "list_issues", with_repo(json!({}))).await;
    let page = page.structured();
    assert_eq!(
        (&page["next_page"], &page["items"][1]["number"]),
        (&json!(2), &json!(6))
    );
    assert_eq!(page["items"][0]["labels"], json!(["bug", "old"]));
    assert_eq!(page["items"][0]["author"], "octocat");
    assert_eq!(page["items"][0]["is_pull_request"], false);
    let last = call(&client, "list_issues", with_repo(json!({ "page": 2 }))).await;
    assert_eq!(
        last.structured().get("next_page"),
        None,
        "there is no further page"
    );

    let pull = call(
        &client,
        "get_pull_request",
        with_repo(json!({ "pull_number": 8 })),
    )
    .await;
    assert_eq!(
        (&pull.structured()["head"], &pull.structured()["author"]),
        (&json!("octocat:fix"), &Value::Null)
    );
    let files = call(
        &client,
        "get_pull_files",
        with_repo(json!({ "pull_number": 8 })),
    )
    .await;
    assert_eq!(files.structured()["items"][0]["patch"], Value::Null);
    let found = call(&client, "search_repos", json!({ "query": "tetris" })).await;
    assert_eq!(
        (
            &found.structured()["total_count"],
            &found.structured()["items"][0]["stars"]
        ),
        (&json!(40), &json!(1))
    );
    let found = call(&client, "search_code", json!({ "query": "x" })).await;
    assert_eq!(found.structured()["items"][0]["repository"], "a/b");
}

#[tokio::test]
async fn files_are_text_or_bytes_and_directories_are_lists() {
    let mock = Mock::start(answers).await;
    let client = serve(&mock, None).await;
    let read = async |path: &str| {
        client
            .call("get_file_contents", with_repo(json!({ "path": path })))
            .await
            .unwrap()
    };
    let text = read("a #?/ü.txt").await;
    let resource = &text.as_json()["content"][0]["resource"];
    assert_eq!(resource["text"], "üiche");
    let image = read("pixel.png").await;
    assert_eq!(
        image.as_json()["content"][0]["resource"]["blob"],
        "iVBORw=="
    );
    assert_eq!(
        read("").await.text(),
        "README.md (5 bytes)\nsrc/\nlink (symlink)"
    );
    for (path, message) in [
        (
            "large",
            "`large` has 5000000 bytes, and the API returns at most 1 MB",
        ),
        ("link", "`link` is a symbolic link to `src`"),
        ("../issues", "`path` is `../issues`: leave out `.` and `..`"),
        ("src/./x", "`path` is `src/./x`: leave out `.` and `..`"),
        (
            "none",
            "there is nothing of this name, or it is private and needs a token",
        ),
    ] {
        let reply = read(path).await;
        assert!(reply.is_error());
        assert_eq!(reply.text(), message);
    }
}

#[tokio::test]
async fn issues_and_comments_are_created_once() {
    let mock = Mock::start(answers).await;
    let client = serve(&mock, Some(TOKEN)).await;
    let created = call(
        &client,
        "create_issue",
        with_repo(json!({ "title": "T", "labels": ["bug"] })),
    )
    .await;
    assert_eq!(created.structured()["number"], 1347);
    let comment = with_repo(json!({ "issue_number": 7, "body": "Me too." }));
    let created = call(&client, "add_issue_comment", comment.clone()).await;
    assert_eq!(created.structured().get("number"), None);
    let received = mock.received();
    assert_eq!(received.len(), 2);
    assert_eq!(
        received[0].body,
        json!({ "title": "T", "body": "", "labels": ["bug"] })
    );
    assert_eq!(
        (received[1].method.as_str(), &received[1].body),
        ("POST", &json!({ "body": "Me too." }))
    );

    let anonymous = serve(&mock, None)
        .await
        .call("add_issue_comment", comment)
        .await
        .unwrap();
    assert_eq!(
        anonymous.text(),
        "writing needs a token: set the variable `GITHUB_TOKEN` of this server"
    );
    assert_eq!(mock.received().len(), 2);

    let tools = client.tools().await.unwrap();
    for tool in tools {
        let writes =
            ["create_issue", "add_issue_comment"].contains(&tool["name"].as_str().unwrap());
        let hints = if writes {
            ("destructiveHint", false)
        } else {
            ("readOnlyHint", true)
        };
        assert_eq!(tool["annotations"][hints.0], hints.1, "{tool}");
    }
}

#[tokio::test]
async fn names_cannot_lead_to_other_operations() {
    let mock = Mock::start(answers).await;
    let client = serve(&mock, Some(TOKEN)).await;
    for name in [
        "..", ".", "", "a/b", "a?b", "a#b", "%2e%2e", "a\\b", "a b", "ü",
    ] {
        for argument in ["owner", "repo"] {
            let mut arguments = with_repo(json!({}));
            arguments[argument] = name.into();
            let reply = client.call("list_issues", arguments).await.unwrap();
            assert!(
                reply
                    .text()
                    .starts_with(&format!("`{argument}` is `{name}`")),
                "{}",
                reply.text()
            );
        }
    }
    assert_eq!(mock.received().len(), 0);
}
