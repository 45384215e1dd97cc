//! The tools that search.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::{FoundPage, GitHub};
use crate::issues::{ApiIssue, Issue};

#[derive(Deserialize)]
struct Found<T> {
    total_count: u64,
    items: Vec<T>,
}

#[derive(Deserialize)]
struct ApiRepositoryName {
    full_name: String,
}

#[derive(Deserialize)]
struct ApiCode {
    path: String,
    repository: ApiRepositoryName,
    html_url: String,
}

/// A file that contains the words.
#[derive(Serialize, JsonSchema)]
struct Code {
    /// The repository, as `owner/name`.
    repository: String,
    path: String,
    url: String,
}

#[derive(Deserialize)]
struct ApiRepository {
    full_name: String,
    description: Option<String>,
    language: Option<String>,
    stargazers_count: u64,
    forks_count: u64,
    open_issues_count: u64,
    default_branch: String,
    updated_at: String,
    html_url: String,
    archived: bool,
}

#[derive(Serialize, JsonSchema)]
struct Repository {
    /// As `owner/name`.
    full_name: String,
    description: Option<String>,
    language: Option<String>,
    stars: u64,
    forks: u64,
    open_issues: u64,
    default_branch: String,
    updated_at: String,
    url: String,
    /// Whether the repository is read-only.
    archived: bool,
}

impl From<ApiCode> for Code {
    fn from(code: ApiCode) -> Self {
        Self {
            repository: code.repository.full_name,
            path: code.path,
            url: code.html_url,
        }
    }
}

impl From<ApiRepository> for Repository {
    fn from(repository: ApiRepository) -> Self {
        Self {
            full_name: repository.full_name,
            description: repository.description,
            language: repository.language,
            stars: repository.stargazers_count,
            forks: repository.forks_count,
            open_issues: repository.open_issues_count,
            default_branch: repository.default_branch,
            updated_at: repository.updated_at,
            url: repository.html_url,
            archived: repository.archived,
        }
    }
}

async fn search<A: DeserializeOwned, T: From<A>>(
    github: &GitHub,
    kind: &str,
    query: String,
    page: u32,
) -> Result<Json<FoundPage<T>>, ToolError> {
    let query = [("q", query)];
    let (found, next_page) = github
        .page::<Found<A>>(&["search", kind], &query, page)
        .await?;
    Ok(Json(FoundPage {
        total_count: found.total_count,
        items: found.items.into_iter().map(T::from).collect(),
        next_page,
    }))
}

/// Search the code of all repositories. This needs a token.
#[tool(read_only, open_world)]
async fn search_code(
    /// Words and qualifiers, such as `addClass repo:jquery/jquery`.
    #[arg(length(1..=256))]
    query: String,
    /// The number of the page.
    #[arg(default = 1, range(1..=100))]
    page: u32,
    github: State<GitHub>,
) -> Result<Json<FoundPage<Code>>, ToolError> {
    search::<ApiCode, _>(&github, "code", query, page).await
}

/// Search issues and pull requests.
#[tool(read_only, open_world)]
async fn search_issues(
    /// Words and qualifiers, such as `panic is:issue is:open repo:rust-lang/rust`.
    #[arg(length(1..=256))]
    query: String,
    /// The number of the page.
    #[arg(default = 1, range(1..=100))]
    page: u32,
    github: State<GitHub>,
) -> Result<Json<FoundPage<Issue>>, ToolError> {
    search::<ApiIssue, _>(&github, "issues", query, page).await
}

/// Search repositories.
#[tool(read_only, open_world)]
async fn search_repos(
    /// Words and qualifiers, such as `tetris language:rust stars:>100`.
    #[arg(length(1..=256))]
    query: String,
    /// The number of the page.
    #[arg(default = 1, range(1..=100))]
    page: u32,
    github: State<GitHub>,
) -> Result<Json<FoundPage<Repository>>, ToolError> {
    search::<ApiRepository, _>(&github, "repositories", query, page).await
}
