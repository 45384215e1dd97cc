//! The tools that walk through all directories below a directory.

use std::ops::ControlFlow;

use cap_std::fs::Dir;
use globset::{GlobBuilder, GlobMatcher};
use mcp_runtime::prelude::*;
use serde::Serialize;

use crate::jail::{Jail, Place};
use crate::listing::{Entry, entries};
use crate::{Text, text};

/// The maximum depth of directories.
const DEPTH: usize = 64;

/// The maximum number of entries of a tree.
const ENTRIES: usize = 10_000;

/// The maximum number of paths that a search finds.
const MATCHES: usize = 1000;

/// An entry of a tree.
#[derive(Serialize)]
struct Node {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// `None` for a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<Vec<Node>>,
}

/// Return a directory with everything in it as JSON: names, types and children.
#[tool(title = "Directory Tree", read_only, open_world = false)]
async fn directory_tree(
    /// The directory.
    path: String,
    /// Patterns of the paths to leave out, relative to the directory. A pattern without `*` is a name at any depth.
    #[arg(name = "excludePatterns", default)]
    exclude_patterns: Vec<String>,
    jail: Jail,
    cancel: Cancel,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let mut tree = Tree {
            excluded: Vec::new(),
            left: ENTRIES,
            cancel,
        };
        for pattern in &exclude_patterns {
            tree.excluded.push(glob(pattern)?);
            if !pattern.contains('*') {
                tree.excluded.push(glob(&format!("**/{pattern}"))?);
                tree.excluded.push(glob(&format!("**/{pattern}/**"))?);
            }
        }
        let nodes = tree.of(&place, &place.open_dir()?, "", 0)?;
        text(serde_json::to_string_pretty(&nodes)?)
    })
    .await
}

/// The state of the construction of a tree.
struct Tree {
    excluded: Vec<GlobMatcher>,
    /// The number of entries that may be added.
    left: usize,
    cancel: Cancel,
}

impl Tree {
    fn of(
        &mut self,
        place: &Place<'_>,
        dir: &Dir,
        above: &str,
        depth: usize,
    ) -> Result<Vec<Node>, ToolError> {
        let mut nodes = Vec::new();
        for Entry { name, kind } in entries(dir).map_err(|error| place.error(error))? {
            let path = format!("{above}{name}");
            if self.excluded.iter().any(|glob| glob.is_match(&path)) {
                continue;
            }
            if self.left == 0 || depth == DEPTH || self.cancel.is_cancelled() {
                return Err(place.error(format!(
                    "more than {ENTRIES} entries or {DEPTH} levels: give a directory below, or `excludePatterns`"
                )));
            }
            self.left -= 1;
            let children = if kind.is_dir() {
                // A directory that cannot be read is shown as empty.
                let inner = dir.open_dir(&name).ok();
                let below =
                    inner.map(|inner| self.of(place, &inner, &format!("{path}/"), depth + 1));
                Some(below.transpose()?.unwrap_or_default())
            } else {
                None
            };
            let kind = if kind.is_dir() { "directory" } else { "file" };
            nodes.push(Node {
                name,
                kind,
                children,
            });
        }
        Ok(nodes)
    }
}

/// Find files and directories below a directory by a pattern. Returns their absolute paths.
#[tool(title = "Search Files", read_only, open_world = false)]
async fn search_files(
    /// The directory.
    path: String,
    /// The pattern of the paths, relative to the directory. `*.txt` finds files in the directory itself, and `**/*.txt`
    /// at any depth.
    pattern: String,
    /// Patterns of the paths to leave out, with everything below them.
    #[arg(name = "excludePatterns", default)]
    exclude_patterns: Vec<String>,
    jail: Jail,
    cancel: Cancel,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let wanted = glob(&pattern)?;
        let excluded = exclude_patterns
            .iter()
            .map(|it| glob(it))
            .collect::<Result<Vec<_>, _>>()?;
        let shown = place.shown();
        let mut found = Vec::new();
        let walked = walk(&place.open_dir()?, "", 0, &mut |dir, entry, path| {
            if excluded.iter().any(|glob| glob.is_match(path)) {
                return ControlFlow::Continue(false);
            }
            // A link that leads out of the allowed directories is not found.
            if wanted.is_match(path) && dir.metadata(&entry.name).is_ok() {
                found.push(shown.join(path).display().to_string());
            }
            let is_over = found.len() > MATCHES || cancel.is_cancelled();
            if is_over {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(true)
            }
        });
        if walked.is_break() {
            found.truncate(MATCHES);
            found.push(format!("There are more: these are the first {MATCHES}."));
        }
        if found.is_empty() {
            return text("No matches found");
        }
        text(found.join("\n"))
    })
    .await
}

/// Calls `visit` with each entry below a directory: its directory, the entry and its path. `visit` returns whether to
/// descend into a directory. Links are not followed.
pub(crate) fn walk(
    dir: &Dir,
    above: &str,
    depth: usize,
    visit: &mut impl FnMut(&Dir, &Entry, &str) -> ControlFlow<(), bool>,
) -> ControlFlow<()> {
    // Unreadable directories, and entries removed meanwhile, are skipped.
    for entry in entries(dir).unwrap_or_default() {
        let path = format!("{above}{}", entry.name);
        let descend = visit(dir, &entry, &path)?;
        if descend
            && entry.kind.is_dir()
            && depth < DEPTH
            && let Ok(inner) = dir.open_dir(&entry.name)
        {
            walk(&inner, &format!("{path}/"), depth + 1, visit)?;
        }
    }
    ControlFlow::Continue(())
}

fn glob(pattern: &str) -> Result<GlobMatcher, ToolError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob =
        glob.map_err(|error| ToolError::new(format!("the pattern `{pattern}`: {}", error.kind())))?;
    Ok(glob.compile_matcher())
}
