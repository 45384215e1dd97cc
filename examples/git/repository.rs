//! A repository inside of the folder of the server.

use std::path::{Path, PathBuf};

use mcp_runtime::ToolError;

use crate::process::{Git, Kind};

/// A repository whose work tree and `.git` are inside of the folder.
pub(crate) struct Repository<'g> {
    git: &'g Git,
    /// The root of the work tree.
    root: PathBuf,
    /// Settings that turn off the filters of the repository.
    settings: Vec<(String, String)>,
}

impl<'g> Repository<'g> {
    /// Opens the repository that contains a path: an absolute path, or one relative to the folder.
    pub(crate) async fn open(git: &'g Git, path: &str) -> Result<Self, ToolError> {
        let found = inside(git, Path::new(path), path)?;
        if !found.is_dir() {
            let text = format!("`{path}` is not a folder: give that of the repository");
            return Err(ToolError::new(text));
        }
        let question = [
            "rev-parse",
            "--show-toplevel",
            "--absolute-git-dir",
            "--git-common-dir",
        ];
        let answer = git.run(&found, &[], &question, Kind::Question).await?;
        let [root, directory, common] = answer.lines().collect::<Vec<_>>()[..] else {
            return Err(ToolError::new(format!(
                "the path of the repository `{path}` contains a line feed"
            )));
        };
        let root = inside(git, Path::new(root), path)?;
        // A file `.git`, a link, or the setting `core.worktree` may lead elsewhere.
        inside(git, Path::new(directory), path)?;
        inside(git, &found.join(common), path)?;
        let settings = without_filters(git, &root).await?;
        Ok(Self {
            git,
            root,
            settings,
        })
    }

    /// Returns the output of a command, without a line feed at the end. An output that is too long is an error.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Result<String, ToolError> {
        let answer = self.run(arguments, Kind::Question).await?;
        Ok(without_end(answer))
    }

    /// Returns the output of a command for the model. An output that is too long is cut.
    pub(crate) async fn show(&self, arguments: &[&str]) -> Result<String, ToolError> {
        self.run(arguments, Kind::Show).await
    }

    /// Runs a command that changes the repository, with an input.
    pub(crate) async fn change(
        &self,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, ToolError> {
        self.run(arguments, Kind::Change(input)).await
    }

    async fn run(&self, arguments: &[&str], kind: Kind<'_>) -> Result<String, ToolError> {
        self.git
            .run(&self.root, &self.settings, arguments, kind)
            .await
    }

    /// Returns the hash of the object that a revision names.
    pub(crate) async fn resolve(&self, revision: &str, name: &str) -> Result<String, ToolError> {
        no_option(revision, name)?;
        let question = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            revision,
        ];
        let found = self.ask(&question).await;
        found.map_err(|_| ToolError::new(format!("`{name}`: there is no revision `{revision}`")))
    }
}

/// Returns a path without links, if it is inside of the folder. `asked` is the path in error messages.
fn inside(git: &Git, path: &Path, asked: &str) -> Result<PathBuf, ToolError> {
    let found = git.folder.join(path).canonicalize();
    let found = found.map_err(|error| ToolError::new(format!("`{asked}`: {error}")))?;
    if found.starts_with(&git.folder) {
        return Ok(found);
    }
    Err(ToolError::new(format!(
        "the repository `{asked}` is not inside of the folder of the server, `{}`",
        git.folder.display()
    )))
}

/// Returns settings that turn off the filters which the configuration of the repository itself defines.
///
/// `git add` and `git checkout` run filters on files that attributes name. Those of the user's configuration stay.
async fn without_filters(git: &Git, root: &Path) -> Result<Vec<(String, String)>, ToolError> {
    let question = ["config", "--list", "-z", "--show-scope", "--name-only"];
    let answer = git.run(root, &[], &question, Kind::Question).await?;
    let mut parts = answer.split('\0');
    let mut filters = Vec::new();
    while let (Some(scope), Some(key)) = (parts.next(), parts.next()) {
        let is_own = ["local", "worktree"].contains(&scope);
        if is_own && key.to_lowercase().starts_with("filter.") {
            let filter = key.rsplit_once('.').map_or(key, |(filter, _)| filter);
            filters.extend(
                ["clean", "smudge", "process"].map(|it| (format!("{filter}.{it}"), String::new())),
            );
            filters.push((format!("{filter}.required"), "false".to_owned()));
        }
    }
    Ok(filters)
}

/// Removes a line feed at the end.
pub(crate) fn without_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// Refuses a value that git could take for an option.
pub(crate) fn no_option(value: &str, name: &str) -> Result<(), ToolError> {
    if value.starts_with('-') || value.is_empty() {
        return Err(ToolError::new(format!(
            "`{name}` is `{value}`, but it must neither begin with `-` nor be empty"
        )));
    }
    if value.contains('\0') {
        return Err(ToolError::new(format!(
            "`{name}` contains the character NUL"
        )));
    }
    Ok(())
}
