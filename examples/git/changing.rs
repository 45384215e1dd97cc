//! The tools that change a repository.

use mcp_runtime::prelude::*;

use crate::process::Git;
use crate::repository::{Repository, no_option};

/// Commit the staged changes.
#[tool(
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
async fn git_commit(
    /// The repository.
    repo_path: String,
    /// The message.
    message: String,
    git: State<Git>,
) -> Result<String, ToolError> {
    if message.trim().is_empty() {
        return Err(ToolError::new("`message` is empty: describe the changes"));
    }
    let _changing = git.changing.lock().await;
    let repository = Repository::open(&git, &repo_path).await?;
    // The message is no argument: it may be long, and may begin with `-`. With `whitespace`, lines with `#` stay.
    let commit = [
        "commit",
        "--quiet",
        "--no-verify",
        "--no-gpg-sign",
        "--cleanup=whitespace",
        "--file=-",
    ];
    repository.change(&commit, &message).await?;
    let hash = repository.ask(&["rev-parse", "HEAD"]).await?;
    Ok(format!("Changes committed successfully with hash {hash}"))
}

/// Stage the contents of files for the next commit.
#[tool(read_only = false, destructive = false, idempotent, open_world = false)]
async fn git_add(
    /// The repository.
    repo_path: String,
    /// Paths or patterns, relative to the root of the repository. `.` stages all changes.
    #[arg(length(1..))]
    files: Vec<String>,
    git: State<Git>,
) -> Result<String, ToolError> {
    for file in &files {
        if file.contains('\0') || file.starts_with(':') || file.is_empty() {
            return Err(ToolError::new(format!(
                "{file:?} in `files` is not a path: it is empty, begins with `:`, or contains NUL"
            )));
        }
    }
    let _changing = git.changing.lock().await;
    let repository = Repository::open(&git, &repo_path).await?;
    let mut arguments = vec!["add", "--verbose", "--"];
    arguments.extend(files.iter().map(String::as_str));
    // The names of the files that differ from what was staged.
    if repository.change(&arguments, "").await?.is_empty() {
        return Ok(
            "Nothing was staged: these files have no changes, or all are staged already."
                .to_owned(),
        );
    }
    Ok("Files staged successfully".to_owned())
}

/// Unstage all staged changes. The files stay as they are.
#[tool(destructive, idempotent, open_world = false)]
async fn git_reset(
    /// The repository.
    repo_path: String,
    git: State<Git>,
) -> Result<String, ToolError> {
    let _changing = git.changing.lock().await;
    let repository = Repository::open(&git, &repo_path).await?;
    repository.change(&["reset", "--quiet"], "").await?;
    Ok("All staged changes reset".to_owned())
}

/// Create a branch. The current branch stays the same.
#[tool(
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
async fn git_create_branch(
    /// The repository.
    repo_path: String,
    /// The name of the new branch.
    branch_name: String,
    /// The branch, tag or commit where it begins. Default: the current branch.
    base_branch: Option<String>,
    git: State<Git>,
) -> Result<String, ToolError> {
    no_option(&branch_name, "branch_name")?;
    let _changing = git.changing.lock().await;
    let repository = Repository::open(&git, &repo_path).await?;
    let base = match base_branch {
        Some(base) => base,
        None => current_branch(&repository).await?.ok_or_else(|| {
            ToolError::new("no branch is checked out (HEAD is detached): give `base_branch`")
        })?,
    };
    let hash = repository.resolve(&base, "base_branch").await?;
    repository
        .change(&["branch", "--no-track", &branch_name, &hash], "")
        .await?;
    Ok(format!("Created branch '{branch_name}' from '{base}'"))
}

/// Switch to a branch, tag or commit.
#[tool(
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
async fn git_checkout(
    /// The repository.
    repo_path: String,
    /// The branch, tag or commit.
    branch_name: String,
    git: State<Git>,
) -> Result<String, ToolError> {
    let _changing = git.changing.lock().await;
    let repository = Repository::open(&git, &repo_path).await?;
    repository.resolve(&branch_name, "branch_name").await?;
    // After `--` there would be files, so the name is not that of a file.
    repository
        .change(&["checkout", "--quiet", &branch_name, "--"], "")
        .await?;
    if let Some(branch) = current_branch(&repository).await? {
        return Ok(format!("Switched to branch '{branch}'"));
    }
    let hash = repository.ask(&["rev-parse", "--short=7", "HEAD"]).await?;
    Ok(format!("HEAD is now detached at {hash}"))
}

/// Returns the current branch, or `None` if HEAD is detached.
async fn current_branch(repository: &Repository<'_>) -> Result<Option<String>, ToolError> {
    let name = repository.ask(&["branch", "--show-current"]).await?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}
