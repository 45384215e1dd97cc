//! The tools for pull requests.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{GitHub, Page, checked};
use crate::issues::{User, Which};

/// A pull request as the API describes it. Lists leave out the numbers.
#[derive(Deserialize)]
struct ApiPull {
    number: u64,
    title: String,
    state: String,
    #[serde(default)]
    draft: bool,
    user: Option<User>,
    head: Branch,
    base: Branch,
    created_at: String,
    merged_at: Option<String>,
    html_url: String,
    body: Option<String>,
    additions: Option<u64>,
    deletions: Option<u64>,
    changed_files: Option<u64>,
}

#[derive(Deserialize)]
struct Branch {
    label: String,
    sha: String,
}

#[derive(Serialize, JsonSchema)]
struct PullRequest {
    number: u64,
    title: String,
    /// `open` or `closed`. A merged pull request is closed.
    state: String,
    draft: bool,
    /// The login of the author. It is null if the account was deleted.
    author: Option<String>,
    /// The branch with the changes, as `owner:branch`.
    head: String,
    /// The newest commit of that branch.
    head_sha: String,
    /// The branch that the changes are for, as `owner:branch`.
    base: String,
    created_at: String,
    merged_at: Option<String>,
    url: String,
    /// The text, in Markdown.
    body: Option<String>,
    /// The number of added lines. Lists do not contain it.
    additions: Option<u64>,
    /// The number of removed lines. Lists do not contain it.
    deletions: Option<u64>,
    /// Lists do not contain it.
    changed_files: Option<u64>,
}

impl From<ApiPull> for PullRequest {
    fn from(pull: ApiPull) -> Self {
        Self {
            number: pull.number,
            title: pull.title,
            state: pull.state,
            draft: pull.draft,
            author: pull.user.map(|user| user.login),
            head: pull.head.label,
            head_sha: pull.head.sha,
            base: pull.base.label,
            created_at: pull.created_at,
            merged_at: pull.merged_at,
            url: pull.html_url,
            body: pull.body,
            additions: pull.additions,
            deletions: pull.deletions,
            changed_files: pull.changed_files,
        }
    }
}

/// A file that a pull request changes.
#[derive(Serialize, Deserialize, JsonSchema)]
struct ChangedFile {
    filename: String,
    /// Such as `added`, `modified`, `removed` or `renamed`.
    status: String,
    additions: u64,
    deletions: u64,
    /// The changes. Those of binary and large files are left out.
    patch: Option<String>,
}

/// List the pull requests of a repository, the newest first.
#[tool(read_only, open_world)]
async fn list_pull_requests(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The pull requests to list.
    #[arg(default)]
    state: Which,
    /// The number of the page.
    #[arg(default = 1, range(1..=10_000))]
    page: u32,
    github: State<GitHub>,
) -> Result<Json<Page<PullRequest>>, ToolError> {
    let path = [
        "repos",
        checked(&owner, "owner")?,
        checked(&repo, "repo")?,
        "pulls",
    ];
    let (pulls, next_page) = github
        .page::<Vec<ApiPull>>(&path, &[state.as_query()], page)
        .await?;
    let items = pulls.into_iter().map(PullRequest::from).collect();
    Ok(Json(Page { items, next_page }))
}

/// Get one pull request with its text.
#[tool(read_only, open_world)]
async fn get_pull_request(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The number of the pull request.
    #[arg(range(1..))]
    pull_number: u32,
    github: State<GitHub>,
) -> Result<Json<PullRequest>, ToolError> {
    let number = pull_number.to_string();
    let path = [
        "repos",
        checked(&owner, "owner")?,
        checked(&repo, "repo")?,
        "pulls",
        &number,
    ];
    let pull: ApiPull = github.get(&path, &[]).await?;
    Ok(Json(pull.into()))
}

/// List the files that a pull request changes, with the changes.
#[tool(read_only, open_world)]
async fn get_pull_files(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The number of the pull request.
    #[arg(range(1..))]
    pull_number: u32,
    /// The number of the page.
    #[arg(default = 1, range(1..=100))]
    page: u32,
    github: State<GitHub>,
) -> Result<Json<Page<ChangedFile>>, ToolError> {
    let number = pull_number.to_string();
    let (owner, repo) = (checked(&owner, "owner")?, checked(&repo, "repo")?);
    let path = ["repos", owner, repo, "pulls", &number, "files"];
    let (items, next_page) = github.page(&path, &[], page).await?;
    Ok(Json(Page { items, next_page }))
}
