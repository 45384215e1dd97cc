//! A server for the HTTP API of an issue tracker. It sends the credentials of the caller, retries, follows pages and reports
//! progress.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LINK, RETRY_AFTER};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mcp_runtime::{Call, Description, Extraction, Param, prelude::*};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The number of times that a request is sent before its failure is reported.
const ATTEMPTS: u32 = 3;

/// The maximum time to wait before a request is sent again.
const MAX_DELAY: Duration = Duration::from_secs(20);

/// The size of the largest response, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The tracker, and the token of callers that send none, such as those on stdio.
pub(crate) struct Tracker {
    base: String,
    token: Option<String>,
    http: Client<HttpConnector, Body>,
}

impl Tracker {
    pub(crate) fn new(base: impl Into<String>, token: Option<String>) -> Self {
        Self {
            base: base.into(),
            token,
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }
}

/// The tracker with the credentials of the caller. HTTP callers send their token in `X-Tracker-Token`.
struct Api {
    tracker: Arc<Tracker>,
    token: String,
}

impl<'c> Param<'c> for Api {
    fn describe(description: &mut Description<'_>) {
        description.needs_state::<Tracker>();
    }

    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        Extraction::ready(Self::of(call))
    }
}

/// A response of the tracker.
struct Reply {
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn parse<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Returns the path of the next page, from the header `Link`.
    fn next_page(&self) -> Option<String> {
        let links = self.headers.get(LINK)?.to_str().ok()?;
        let next = links
            .split(',')
            .find(|link| link.contains("rel=\"next\""))?;
        let (_, rest) = next.split_once('<')?;
        Some(rest.split_once('>')?.0.to_owned())
    }
}

impl Api {
    fn of(call: &Call) -> Result<Self, ToolError> {
        let tracker = call.state::<Tracker>().ok_or("the server has no tracker")?;
        let own = call.header("x-tracker-token").map(str::to_owned);
        let token = own.or_else(|| tracker.token.clone()).ok_or_else(|| {
            ToolError::new("the tracker needs a token: send it in the header `X-Tracker-Token`")
        })?;
        Ok(Self { tracker, token })
    }

    /// Sends a request. If the tracker is busy, and therefore has not processed it, it is sent again later.
    async fn send(&self, method: Method, path: &str, body: &str) -> Result<Reply, ToolError> {
        let mut attempt = 1;
        loop {
            let request = Request::builder()
                .method(&method)
                .uri(format!("{}{path}", self.tracker.base))
                .header(AUTHORIZATION, format!("Bearer {}", self.token))
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_owned()))?;
            let response = self.tracker.http.request(request).await?;
            let (head, body) = response.into_parts();
            let (status, headers) = (head.status, head.headers);
            let is_busy = [
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::SERVICE_UNAVAILABLE,
            ];
            if attempt < ATTEMPTS && is_busy.contains(&status) {
                tokio::time::sleep(delay(&headers, attempt)).await;
                attempt += 1;
                continue;
            }
            let body = Limited::new(body, MAX_BYTES).collect().await?.to_bytes();
            return match status {
                status if status.is_success() => Ok(Reply { headers, body }),
                StatusCode::UNAUTHORIZED => Err(ToolError::new("the tracker refuses the token")),
                StatusCode::NOT_FOUND => Err(ToolError::new(format!("`{path}` does not exist"))),
                status => Err(ToolError::new(format!("the tracker answered {status}"))),
            };
        }
    }
}

/// Returns how long the tracker asks to wait. Without that, the time doubles with each attempt.
fn delay(headers: &HeaderMap, attempt: u32) -> Duration {
    let asked = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let backoff = Duration::from_millis(250) * 2_u32.pow(attempt);
    asked.map_or(backoff, Duration::from_secs).min(MAX_DELAY)
}

/// An issue of the tracker.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Issue {
    number: u64,
    title: String,
    state: IssueState,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum IssueState {
    #[default]
    Open,
    Closed,
}

impl fmt::Display for IssueState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Open => "open",
            Self::Closed => "closed",
        })
    }
}

/// The name of a project, which is a segment of a path.
#[derive(Deserialize, JsonSchema)]
struct Project(#[schemars(regex(pattern = "^[a-z0-9-]+$"))] String);

/// List the issues of a project.
#[tool(read_only, open_world, timeout = 60)]
async fn list_issues(
    /// The name of the project.
    project: Project,
    /// Only issues in this state.
    #[arg(default)]
    state: IssueState,
    /// The maximum number of issues.
    #[arg(default = 100, range(1..=1000))]
    limit: usize,
    api: Api,
    context: Context,
) -> Result<Json<Vec<Issue>>, ToolError> {
    let mut issues: Vec<Issue> = Vec::new();
    let mut next = Some(format!("/projects/{}/issues?state={state}", project.0));
    while let Some(path) = next.filter(|_| issues.len() < limit) {
        let page = api.send(Method::GET, &path, "").await?;
        issues.extend(page.parse::<Vec<Issue>>()?);
        let done = u32::try_from(issues.len())?;
        context.progress(done, None, Some(&format!("{done} issues")));
        next = page.next_page();
    }
    issues.truncate(limit);
    Ok(Json(issues))
}

/// Create an issue in a project.
#[tool(open_world)]
async fn create_issue(
    /// The name of the project.
    project: Project,
    /// What is wrong, in one line.
    #[arg(length(1..=120))]
    title: String,
    api: Api,
) -> Result<Json<Issue>, ToolError> {
    let body = json!({ "title": title }).to_string();
    let path = format!("/projects/{}/issues", project.0);
    Ok(Json(api.send(Method::POST, &path, &body).await?.parse()?))
}

/// An issue of a project.
#[resource("issues://{project}/{number}")]
async fn issue(project: Project, number: u64, api: Api) -> Result<Json<Issue>, ToolError> {
    let path = format!("/projects/{}/issues/{number}", project.0);
    Ok(Json(api.send(Method::GET, &path, "").await?.parse()?))
}

pub(crate) fn server(tracker: Tracker) -> Server {
    Server::new("issues", "1.0.0")
        .with(components![list_issues, create_issue, issue])
        .state(tracker)
}

mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::extract::{Path, Query, State};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use mcp_runtime::Revision;
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::{Client, Running, Transport, combinations, serve};

    /// The number of issues on a page.
    const PAGE: usize = 2;

    /// A tracker with the issues of one project, whose next requests fail.
    #[derive(Default)]
    struct Mock {
        issues: Mutex<Vec<String>>,
        failing: AtomicU32,
        requests: AtomicU32,
    }

    type Shared = State<Arc<Mock>>;

    impl Mock {
        /// Returns the refusal of a request, if it is refused.
        fn refuse(&self, headers: &HeaderMap) -> Option<axum::response::Response> {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let is_failing = |left: u32| left.checked_sub(1);
            if self
                .failing
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_failing)
                .is_ok()
            {
                return Some(
                    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "0")]).into_response(),
                );
            }
            let is_known = headers
                .get(AUTHORIZATION)
                .is_some_and(|it| it == "Bearer ada");
            (!is_known).then(|| StatusCode::UNAUTHORIZED.into_response())
        }
    }

    fn json_of(number: usize, title: &str) -> Value {
        json!({ "number": number, "title": title, "state": "open" })
    }

    async fn page(
        State(mock): Shared,
        Query(query): Query<HashMap<String, String>>,
        headers: HeaderMap,
    ) -> axum::response::Response {
        if let Some(refusal) = mock.refuse(&headers) {
            return refusal;
        }
        assert_eq!(query["state"], "open");
        let page: usize = query.get("page").map_or(0, |page| page.parse().unwrap());
        let issues = mock.issues.lock().unwrap();
        let all = issues.iter().enumerate().skip(page * PAGE).take(PAGE);
        let shown: Vec<Value> = all
            .map(|(index, title)| json_of(index + 1, title))
            .collect();
        let mut response = axum::Json(shown).into_response();
        if issues.len() > (page + 1) * PAGE {
            let next = format!(
                "</projects/mcp/issues?state=open&page={}>; rel=\"next\"",
                page + 1
            );
            response.headers_mut().insert(LINK, next.parse().unwrap());
        }
        response
    }

    async fn create(
        State(mock): Shared,
        headers: HeaderMap,
        axum::Json(issue): axum::Json<Value>,
    ) -> axum::response::Response {
        if let Some(refusal) = mock.refuse(&headers) {
            return refusal;
        }
        let title = issue["title"].as_str().unwrap();
        let mut issues = mock.issues.lock().unwrap();
        issues.push(title.to_owned());
        axum::Json(json_of(issues.len(), title)).into_response()
    }

    async fn one(
        State(mock): Shared,
        Path(number): Path<usize>,
        headers: HeaderMap,
    ) -> axum::response::Response {
        if let Some(refusal) = mock.refuse(&headers) {
            return refusal;
        }
        match mock.issues.lock().unwrap().get(number - 1) {
            Some(title) => axum::Json(json_of(number, title)).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// Returns the address of a tracker with this number of issues.
    async fn mock(issues: usize) -> (Arc<Mock>, String) {
        let titles = (1..=issues).map(|number| format!("Issue {number}"));
        let mock = Arc::new(Mock {
            issues: Mutex::new(titles.collect()),
            ..Mock::default()
        });
        let router = Router::new()
            .route("/projects/mcp/issues", get(page).post(create))
            .route("/projects/mcp/issues/{number}", get(one))
            .with_state(Arc::clone(&mock));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (mock, base)
    }

    /// Returns a client with this token: over stdio the server has it, and over HTTP the client sends it.
    async fn connect(
        base: &str,
        token: &str,
        transport: Transport,
        revision: Revision,
    ) -> (Client, Running) {
        match transport {
            Transport::Stdio => {
                let tracker = Tracker::new(base, Some(token.to_owned()));
                serve(server(tracker), transport, revision, &[]).await
            }
            Transport::Http => {
                let headers = [("x-tracker-token", token)];
                let tracker = Tracker::new(base, Some("of the server".to_owned()));
                serve(server(tracker), transport, revision, &headers).await
            }
        }
    }

    fn numbers(result: &Value) -> Vec<u64> {
        let issues = result["structuredContent"]["result"].as_array();
        let issues = issues.unwrap_or_else(|| panic!("{result}")).iter();
        issues
            .map(|issue| issue["number"].as_u64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn pages_are_followed_up_to_the_limit_with_progress() {
        for (transport, revision) in combinations() {
            let (mock, base) = mock(5).await;
            let (mut client, running) = connect(&base, "ada", transport, revision).await;
            for (limit, expected, requests) in [(100, 5, 3), (3, 3, 2), (2, 2, 1)] {
                mock.requests.store(0, Ordering::SeqCst);
                let arguments = json!({ "project": "mcp", "limit": limit });
                let listed = client.call("list_issues", arguments).await;
                let expected: Vec<u64> = (1..=expected).collect();
                assert_eq!(numbers(&listed), expected, "{transport:?} {revision:?}");
                assert_eq!(mock.requests.load(Ordering::SeqCst), requests);
            }
            for done in [2, 4, 5] {
                let progress = client.notification("progress").await;
                assert_eq!(progress["progress"], f64::from(done));
                assert_eq!(progress["message"], format!("{done} issues"));
            }
            running.end().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_busy_tracker_is_asked_again() {
        for (transport, revision) in combinations() {
            let (mock, base) = mock(1).await;
            let (mut client, running) = connect(&base, "ada", transport, revision).await;
            for (failing, is_error) in [(ATTEMPTS - 1, false), (ATTEMPTS, true)] {
                mock.failing.store(failing, Ordering::SeqCst);
                mock.requests.store(0, Ordering::SeqCst);
                let created = client
                    .call("create_issue", json!({ "project": "mcp", "title": "Slow" }))
                    .await;
                assert_eq!(
                    created["isError"] == true,
                    is_error,
                    "{transport:?} {revision:?}: {created}"
                );
                assert_eq!(mock.requests.load(Ordering::SeqCst), ATTEMPTS);
            }
            assert_eq!(mock.issues.lock().unwrap().len(), 2);
            running.end().await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_tracker_gets_the_token_of_the_caller() {
        for (transport, revision) in combinations() {
            let (_, base) = mock(1).await;
            for (token, is_known) in [("ada", true), ("eve", false)] {
                let (mut client, running) = connect(&base, token, transport, revision).await;
                let listed = client
                    .call("list_issues", json!({ "project": "mcp" }))
                    .await;
                if is_known {
                    assert_eq!(numbers(&listed), [1], "{transport:?} {revision:?}");
                    assert_eq!(client.read("issues://mcp/1").await["title"], "Issue 1");
                } else {
                    let text = &listed["content"][0]["text"];
                    assert_eq!(text, "the tracker refuses the token");
                }
                assert!(!listed.to_string().contains(token), "{listed}");
                running.end().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn mistakes_of_the_caller_are_named() {
        for (transport, revision) in combinations() {
            let (mock, base) = mock(1).await;
            let (mut client, running) = connect(&base, "ada", transport, revision).await;
            let refused = client
                .call("list_issues", json!({ "project": "../secret" }))
                .await;
            assert_eq!(refused["isError"], true, "{transport:?} {revision:?}");
            let missing = client
                .request("resources/read", json!({ "uri": "issues://mcp/9" }))
                .await;
            let message = missing["error"]["message"].as_str().unwrap();
            assert_eq!(message, "`/projects/mcp/issues/9` does not exist");
            assert_eq!(mock.requests.load(Ordering::SeqCst), 1);
            running.end().await.unwrap();

            let tracker = Tracker::new(&base, None);
            let (mut client, running) = serve(server(tracker), transport, revision, &[]).await;
            let listed = client
                .call("list_issues", json!({ "project": "mcp" }))
                .await;
            let text = listed["content"][0]["text"].as_str().unwrap();
            assert!(text.contains("`X-Tracker-Token`"), "{text}");
            running.end().await.unwrap();
        }
    }
}
