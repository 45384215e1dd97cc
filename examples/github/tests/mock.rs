//! A part of GitHub's API, by hand, in the form of its published description. It accepts only what the description does.
//! `tests/github/run` compares the requests with the description itself.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::api::{USER_AGENT, VERSION};

/// The operations: the method, the path, and the names of the parameters in the query or of the fields in the body.
const OPERATIONS: [(&str, &str, &[&str]); 11] = [
    (
        "GET",
        "/repos/{owner}/{repo}/issues",
        &["state", "labels", "per_page", "page"],
    ),
    ("GET", "/repos/{owner}/{repo}/issues/{number}", &[]),
    (
        "POST",
        "/repos/{owner}/{repo}/issues",
        &["title", "body", "labels"],
    ),
    (
        "POST",
        "/repos/{owner}/{repo}/issues/{number}/comments",
        &["body"],
    ),
    (
        "GET",
        "/repos/{owner}/{repo}/pulls",
        &["state", "per_page", "page"],
    ),
    ("GET", "/repos/{owner}/{repo}/pulls/{number}", &[]),
    (
        "GET",
        "/repos/{owner}/{repo}/pulls/{number}/files",
        &["per_page", "page"],
    ),
    ("GET", "/repos/{owner}/{repo}/contents/{path}", &["ref"]),
    ("GET", "/search/code", &["q", "per_page", "page"]),
    ("GET", "/search/issues", &["q", "per_page", "page"]),
    ("GET", "/search/repositories", &["q", "per_page", "page"]),
];

/// A request that the mock has received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) method: String,
    /// The path with the query.
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Value,
}

/// The status, the headers and the body of an answer.
pub(super) type Answer = (u16, Vec<(&'static str, String)>, Value);

pub(super) fn ok(body: Value) -> Answer {
    (200, vec![], body)
}

pub(super) struct Mock {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Mock {
    /// Serves answers by the path with the query. The function receives the URL of the mock, too.
    pub(super) async fn start(
        answer: impl Fn(&str, &str) -> Answer + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mock = Self {
            url: url.clone(),
            received: Arc::default(),
        };
        let received = Arc::clone(&mock.received);
        let router = Router::new().fallback(async move |request: Request| {
            let request = receive(request).await;
            let answer = match mistake(&request) {
                Some(mistake) => (418, vec![], json!({ "message": mistake })),
                None => answer(&request.0.target, &url),
            };
            received
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request.0);
            respond(answer)
        });
        tokio::spawn(axum::serve(listener, router).into_future());
        mock
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn respond((status, headers, body): Answer) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

async fn receive(request: Request) -> (Received, HeaderMap) {
    let headers = request.headers().clone();
    let received = Received {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        authorization: headers
            .get("authorization")
            .map(|it| it.to_str().unwrap().to_owned()),
        body: Value::Null,
    };
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    (Received { body, ..received }, headers)
}

/// Returns what GitHub would not accept in a request.
fn mistake((request, headers): &(Received, HeaderMap)) -> Option<String> {
    let required = [
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", VERSION),
        ("user-agent", USER_AGENT),
    ];
    for (name, value) in required {
        if headers.get(name).is_none_or(|it| it != value) {
            return Some(format!("the header {name} is not {value}"));
        }
    }
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let operation = OPERATIONS
        .iter()
        .find(|(method, pattern, _)| request.method == *method && matches(pattern, path));
    let Some((method, _, known)) = operation else {
        return Some(format!("there is no operation {} {path}", request.method));
    };
    let mut names: Vec<_> = query
        .split('&')
        .filter_map(|it| it.split_once('='))
        .map(|(name, _)| name)
        .collect();
    if *method == "POST" {
        names.extend(request.body.as_object()?.keys().map(String::as_str));
    }
    let unknown = names.into_iter().find(|name| !known.contains(name))?;
    Some(format!(
        "there is no parameter {unknown} of {method} {path}"
    ))
}

fn matches(pattern: &str, path: &str) -> bool {
    // Of a file, the rest of the path is one parameter.
    let (pattern, is_open) = match pattern.strip_suffix("/{path}") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let expected: Vec<_> = pattern.split('/').collect();
    let segments: Vec<_> = path.split('/').collect();
    let fits = expected.iter().zip(&segments).all(|(one, other)| {
        one == other
            || (one.starts_with('{')
                && !other.is_empty()
                && (*one != "{number}" || other.parse::<u32>().is_ok()))
    });
    fits && (segments.len() == expected.len() || is_open && segments.len() > expected.len())
}

pub(super) fn issue(number: u32) -> Value {
    json!({
        "id": 1, "number": number, "title": "A defect", "state": "open", "user": { "login": "octocat", "id": 1 },
        "labels": [{ "id": 2, "name": "bug", "color": "f29513" }, "old"], "comments": 3,
        "created_at": "2011-04-10T20:09:31Z", "updated_at": "2014-03-03T18:58:10Z", "closed_at": null,
        "html_url": format!("https://github.com/octo-org/hello.world/issues/{number}"), "body": "It fails.",
    })
}

pub(super) fn pull(number: u32) -> Value {
    json!({
        "number": number, "title": "A fix", "state": "open", "draft": true, "user": null,
        "head": { "label": "octocat:fix", "sha": "6dcb09b" }, "base": { "label": "octo-org:main", "sha": "0000000" },
        "created_at": "2011-01-26T19:01:12Z", "merged_at": null, "body": null,
        "html_url": format!("https://github.com/octo-org/hello.world/pull/{number}"),
    })
}

pub(super) fn file(path: &str, content: &str) -> Value {
    json!({
        "type": "file", "encoding": "base64", "size": 8, "name": "x", "path": path, "content": content, "sha": "3d21ec5",
        "html_url": format!("https://github.com/octo-org/hello.world/blob/main/{path}"),
    })
}

pub(super) fn directory() -> Value {
    let entry = |kind: &str, path: &str| json!({ "type": kind, "size": 5, "name": "x", "path": path, "html_url": null });
    json!([
        entry("file", "README.md"),
        entry("dir", "src"),
        entry("symlink", "link")
    ])
}

pub(super) fn repository() -> Value {
    json!({
        "full_name": "dtrupenn/Tetris", "description": null, "language": "Assembly", "stargazers_count": 1, "forks_count": 0,
        "open_issues_count": 0, "default_branch": "master", "updated_at": "2013-01-05T17:58:47Z", "archived": false,
        "html_url": "https://github.com/dtrupenn/Tetris",
    })
}
