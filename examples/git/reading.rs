//! The tools that read a repository.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::process::Git;
use crate::repository::{Repository, no_option, without_end};

/// Options of all differences: without the programs that attributes and settings name.
const PLAIN: [&str; 3] = ["--no-ext-diff", "--no-textconv", "--submodule=short"];

async fn diff(
    repository: &Repository<'_>,
    context_lines: u32,
    options: &[&str],
) -> Result<String, ToolError> {
    let unified = format!("--unified={context_lines}");
    let mut arguments = vec!["diff", unified.as_str()];
    arguments.extend(PLAIN);
    arguments.extend(options);
    Ok(without_end(repository.show(&arguments).await?))
}

/// Show the state of the work tree: changed, staged and untracked files.
#[tool(read_only, open_world = false)]
async fn git_status(
    /// The repository.
    repo_path: String,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let status = without_end(repository.show(&["status"]).await?);
    Ok(format!("Repository status:\n{status}"))
}

/// Show the changes that are not staged.
#[tool(read_only, open_world = false)]
async fn git_diff_unstaged(
    /// The repository.
    repo_path: String,
    /// The number of unchanged lines around each change.
    #[arg(default = 3, range(0..=1000))]
    context_lines: u32,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let diff = diff(&repository, context_lines, &[]).await?;
    Ok(format!("Unstaged changes:\n{diff}"))
}

/// Show the changes that are staged.
#[tool(read_only, open_world = false)]
async fn git_diff_staged(
    /// The repository.
    repo_path: String,
    /// The number of unchanged lines around each change.
    #[arg(default = 3, range(0..=1000))]
    context_lines: u32,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let diff = diff(&repository, context_lines, &["--cached"]).await?;
    Ok(format!("Staged changes:\n{diff}"))
}

/// Show the differences between the work tree and a branch or commit.
#[tool(read_only, open_world = false)]
async fn git_diff(
    /// The repository.
    repo_path: String,
    /// A branch, tag or commit.
    target: String,
    /// The number of unchanged lines around each change.
    #[arg(default = 3, range(0..=1000))]
    context_lines: u32,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let hash = repository.resolve(&target, "target").await?;
    let diff = diff(&repository, context_lines, &[&hash, "--"]).await?;
    Ok(format!("Diff with {target}:\n{diff}"))
}

/// Show the history of the current branch, the newest commit first.
#[tool(read_only, open_world = false)]
async fn git_log(
    /// The repository.
    repo_path: String,
    /// The maximum number of commits.
    #[arg(default = 10, range(1..=1000))]
    max_count: u32,
    /// Only commits after this time, such as `2024-01-15T14:30:25`, `2024-01-15`, `2 weeks ago` or `yesterday`.
    start_timestamp: Option<String>,
    /// Only commits before this time.
    end_timestamp: Option<String>,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let mut options = vec![format!("--max-count={max_count}")];
    for (option, name, time) in [
        ("--since", "start_timestamp", start_timestamp),
        ("--until", "end_timestamp", end_timestamp),
    ] {
        if let Some(time) = time {
            no_option(&time, name)?;
            options.push(format!("{option}={time}"));
        }
    }
    let mut arguments = vec!["log", "-z", "--format=%H%x00%an%x00%aI%x00%B"];
    arguments.extend(options.iter().map(String::as_str));
    let log = repository.ask(&arguments).await?;
    let mut parts = log.split('\0');
    let mut commits = Vec::new();
    while let (Some(hash), Some(author), Some(date), Some(message)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    {
        let date = date.replace('T', " ").replace('Z', "+00:00");
        commits.push(format!(
            "Commit: {hash}\nAuthor: {author}\nDate: {date}\nMessage: {message}\n"
        ));
    }
    Ok(format!("Commit history:\n{}", commits.join("\n")))
}

/// Show a commit with its changes, or a file or directory of a commit: `<revision>:<path>`.
#[tool(read_only, open_world = false)]
async fn git_show(
    /// The repository.
    repo_path: String,
    /// A branch, tag or commit, or a file or directory: `main`, `HEAD~2`, `HEAD:src/main.rs`.
    revision: String,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let hash = repository.resolve(&revision, "revision").await?;
    match repository.ask(&["cat-file", "-t", &hash]).await?.as_str() {
        "blob" => repository.show(&["cat-file", "blob", &hash]).await,
        "tree" => {
            let tree = repository.ask(&["ls-tree", "-z", &hash]).await?;
            let names: Vec<String> = tree.split('\0').filter_map(name_in_tree).collect();
            Ok(names.join("\n"))
        }
        _ => {
            let mut arguments = vec![
                "show",
                "--date=iso",
                "--first-parent",
                "-m",
                "--no-notes",
                "--decorate=no",
            ];
            arguments.extend(PLAIN);
            arguments.extend([hash.as_str(), "--"]);
            repository.show(&arguments).await
        }
    }
}

/// Returns the name in a line of `git ls-tree`. That of a directory ends with `/`.
fn name_in_tree(line: &str) -> Option<String> {
    let (kind, name) = line.split_once('\t')?;
    let end = if kind.contains(" tree ") { "/" } else { "" };
    Some(format!("{name}{end}"))
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Branches {
    Local,
    Remote,
    All,
}

/// List branches. The current one has a `*`.
#[tool(read_only, open_world = false)]
async fn git_branch(
    /// The repository.
    repo_path: String,
    /// The kind of branches.
    branch_type: Branches,
    /// Only branches that contain this commit.
    contains: Option<String>,
    /// Only branches that do not contain this commit.
    not_contains: Option<String>,
    git: State<Git>,
) -> Result<String, ToolError> {
    let repository = Repository::open(&git, &repo_path).await?;
    let mut options = match branch_type {
        Branches::Local => Vec::new(),
        Branches::Remote => vec!["--remotes".to_owned()],
        Branches::All => vec!["--all".to_owned()],
    };
    for (option, name, commit) in [
        ("--contains", "contains", contains),
        ("--no-contains", "not_contains", not_contains),
    ] {
        if let Some(commit) = commit {
            let hash = repository.resolve(&commit, name).await?;
            options.push(format!("{option}={hash}"));
        }
    }
    let mut arguments = vec!["branch", "--list"];
    arguments.extend(options.iter().map(String::as_str));
    Ok(without_end(repository.show(&arguments).await?))
}
