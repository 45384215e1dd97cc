//! The tools for issues.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{GitHub, Page, checked};

/// The issues or pull requests to list.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    #[default]
    Open,
    Closed,
    All,
}

impl Which {
    pub(crate) fn as_query(self) -> (&'static str, String) {
        let state = match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        };
        ("state", state.to_owned())
    }
}

/// The name of a user or label.
#[derive(Deserialize)]
pub(crate) struct User {
    pub(crate) login: String,
}

/// A label: an object or, in old issues, its name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Object { name: Option<String> },
    Name(String),
}

/// An issue as the API describes it.
#[derive(Deserialize)]
pub(crate) struct ApiIssue {
    number: u64,
    title: String,
    state: String,
    user: Option<User>,
    labels: Vec<Label>,
    comments: u64,
    created_at: String,
    updated_at: String,
    html_url: String,
    body: Option<String>,
    pull_request: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Issue {
    number: u64,
    title: String,
    /// `open` or `closed`.
    state: String,
    /// The login of the author. It is null if the account was deleted.
    author: Option<String>,
    labels: Vec<String>,
    /// The number of comments.
    comments: u64,
    created_at: String,
    updated_at: String,
    url: String,
    /// The text, in Markdown.
    body: Option<String>,
    is_pull_request: bool,
}

impl From<ApiIssue> for Issue {
    fn from(issue: ApiIssue) -> Self {
        let name = |label| match label {
            Label::Object { name } => name,
            Label::Name(name) => Some(name),
        };
        Self {
            number: issue.number,
            title: issue.title,
            state: issue.state,
            author: issue.user.map(|user| user.login),
            labels: issue.labels.into_iter().filter_map(name).collect(),
            comments: issue.comments,
            created_at: issue.created_at,
            updated_at: issue.updated_at,
            url: issue.html_url,
            body: issue.body,
            is_pull_request: issue.pull_request.is_some(),
        }
    }
}

/// What a tool has created.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Created {
    /// The number of a new issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    url: String,
}

#[derive(Deserialize)]
struct ApiCreated {
    number: Option<u64>,
    html_url: String,
}

impl From<ApiCreated> for Created {
    fn from(created: ApiCreated) -> Self {
        Self {
            number: created.number,
            url: created.html_url,
        }
    }
}

/// List the issues of a repository, the newest first. GitHub counts pull requests among them.
#[tool(read_only, open_world)]
async fn list_issues(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The issues to list.
    #[arg(default)]
    state: Which,
    /// Only issues with all of these labels.
    #[arg(default)]
    labels: Vec<String>,
    /// The number of the page.
    #[arg(default = 1, range(1..=10_000))]
    page: u32,
    github: State<GitHub>,
) -> Result<Json<Page<Issue>>, ToolError> {
    let path = [
        "repos",
        checked(&owner, "owner")?,
        checked(&repo, "repo")?,
        "issues",
    ];
    let mut query = vec![state.as_query()];
    if !labels.is_empty() {
        query.push(("labels", labels.join(",")));
    }
    let (issues, next_page) = github.page::<Vec<ApiIssue>>(&path, &query, page).await?;
    let items = issues.into_iter().map(Issue::from).collect();
    Ok(Json(Page { items, next_page }))
}

/// Get one issue with its text.
#[tool(read_only, open_world)]
async fn get_issue(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The number of the issue.
    #[arg(range(1..))]
    issue_number: u32,
    github: State<GitHub>,
) -> Result<Json<Issue>, ToolError> {
    let number = issue_number.to_string();
    let path = [
        "repos",
        checked(&owner, "owner")?,
        checked(&repo, "repo")?,
        "issues",
        &number,
    ];
    let issue: ApiIssue = github.get(&path, &[]).await?;
    Ok(Json(issue.into()))
}

/// Create an issue.
#[tool(destructive = false, open_world)]
async fn create_issue(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The title.
    #[arg(length(1..=256))]
    title: String,
    /// The text, in Markdown.
    #[arg(default)]
    body: String,
    /// The labels. They must exist in the repository.
    #[arg(default)]
    labels: Vec<String>,
    github: State<GitHub>,
) -> Result<Json<Created>, ToolError> {
    let path = [
        "repos",
        checked(&owner, "owner")?,
        checked(&repo, "repo")?,
        "issues",
    ];
    let issue = json!({ "title": title, "body": body, "labels": labels });
    let created: ApiCreated = github.post(&path, &issue).await?;
    Ok(Json(created.into()))
}

/// Add a comment to an issue or a pull request.
#[tool(destructive = false, open_world)]
async fn add_issue_comment(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The number of the issue or pull request.
    #[arg(range(1..))]
    issue_number: u32,
    /// The text, in Markdown.
    #[arg(length(1..=65_536))]
    body: String,
    github: State<GitHub>,
) -> Result<Json<Created>, ToolError> {
    let number = issue_number.to_string();
    let (owner, repo) = (checked(&owner, "owner")?, checked(&repo, "repo")?);
    let path = ["repos", owner, repo, "issues", &number, "comments"];
    let created: ApiCreated = github.post(&path, &json!({ "body": body })).await?;
    Ok(Json(created.into()))
}
