//! The tool for files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_runtime::prelude::*;
use serde::Deserialize;

use crate::api::{GitHub, checked};

/// The contents of a path: those of a directory are a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Contents {
    Directory(Vec<Entry>),
    One(Entry),
}

#[derive(Deserialize)]
struct Entry {
    /// `file`, `dir`, `symlink` or `submodule`.
    #[serde(rename = "type")]
    kind: String,
    size: u64,
    path: String,
    html_url: Option<String>,
    encoding: Option<String>,
    content: Option<String>,
    target: Option<String>,
}

/// Get a file or the list of a directory.
#[tool(read_only, open_world)]
async fn get_file_contents(
    /// The user or the organisation that owns the repository.
    owner: String,
    /// The repository.
    repo: String,
    /// The path of the file or directory, such as `src/main.rs`. The default is the root.
    #[arg(default)]
    path: String,
    /// A branch, tag or commit. The default is the default branch.
    #[arg(name = "ref")]
    reference: Option<String>,
    github: State<GitHub>,
) -> Result<Content, ToolError> {
    let mut url = vec![
        "repos",
        checked(&owner, "owner")?,
        checked(&repo, "repo")?,
        "contents",
    ];
    url.extend(segments(&path)?);
    let query: Vec<_> = reference.into_iter().map(|it| ("ref", it)).collect();
    match github.get(&url, &query).await? {
        Contents::Directory(entries) => {
            let lines: Vec<_> = entries.iter().map(line).collect();
            Ok(lines.join("\n").into())
        }
        Contents::One(entry) => file(&entry),
    }
}

/// Splits a path into its segments.
fn segments(path: &str) -> Result<Vec<&str>, ToolError> {
    let segments: Vec<_> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    if segments
        .iter()
        .any(|segment| matches!(*segment, "." | ".."))
    {
        let message = format!("`path` is `{path}`: leave out `.` and `..`");
        return Err(ToolError::new(message));
    }
    Ok(segments)
}

fn line(entry: &Entry) -> String {
    match entry.kind.as_str() {
        "file" => format!("{} ({} bytes)", entry.path, entry.size),
        "dir" => format!("{}/", entry.path),
        kind => format!("{} ({kind})", entry.path),
    }
}

/// Returns the content of a file: text if it is UTF-8.
fn file(entry: &Entry) -> Result<Content, ToolError> {
    let (Some("base64"), Some(content)) = (entry.encoding.as_deref(), &entry.content) else {
        let message = match (&entry.target, entry.kind.as_str()) {
            (Some(target), _) => format!("`{}` is a symbolic link to `{target}`", entry.path),
            (None, "file") => format!(
                "`{}` has {} bytes, and the API returns at most 1 MB",
                entry.path, entry.size
            ),
            (None, kind) => format!("`{}` is a {kind}", entry.path),
        };
        return Err(ToolError::new(message));
    };
    // GitHub breaks the lines.
    let encoded: String = content.split_ascii_whitespace().collect();
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| "the content of the file is not base64")?;
    let contents = match String::from_utf8(bytes) {
        Ok(text) => ResourceContents::text(text),
        Err(error) => ResourceContents::bytes(error.into_bytes()),
    };
    let uri = entry
        .html_url
        .clone()
        .unwrap_or_else(|| format!("github:{}", entry.path));
    Ok(EmbeddedResource::new(uri, contents).into())
}
