//! Read-only access to a directory: `files DIRECTORY`, followed by the arguments of every server.
//!
//! ```sh
//! cargo run --example files -- . call search query=TODO
//! ```
//!
//! The directory is opened once, and `cap-std` resolves every path beneath it. `..`, absolute paths and symbolic links
//! that lead out of it are rejected, even if the disk changes meanwhile. Only regular files and directories are served,
//! so a pipe, a socket or a device cannot block a call.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, FileType, OpenOptions};
use mcp_runtime::{Completion, prelude::*};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The size of the largest file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// The maximum number of lines in the result of a search.
const MATCHES: usize = 200;

/// The maximum number of files that are listed as resources.
const LISTED: usize = 1000;

/// The maximum depth of a search.
const DEPTH: usize = 32;

/// The characters that are encoded in a segment of a URI.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The served directory.
struct Root(Dir);

impl Root {
    fn open(path: &Path) -> io::Result<Self> {
        Dir::open_ambient_dir(path, ambient_authority()).map(Self)
    }

    fn directory(&self, path: &str) -> Result<Dir, ToolError> {
        let opened = self.0.open_dir(below(path));
        opened.map_err(|error| about(path, error))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, ToolError> {
        let bytes = read_at_most(&self.0, below(path)).map_err(|error| about(path, error))?;
        bytes.ok_or_else(|| {
            ToolError::new(format!(
                "`{path}` is larger than {FILE_BYTES} bytes: search it"
            ))
        })
    }

    /// Returns the files and directories whose paths begin with `prefix`, up to the next `/`.
    fn complete(&self, prefix: &str) -> io::Result<Vec<String>> {
        let (directory, _) = prefix.split_at(prefix.rfind('/').map_or(0, |slash| slash + 1));
        let paths = entries(&self.0.open_dir(below(directory))?)?.into_iter();
        Ok(paths
            .filter(|entry| !entry.kind.is_symlink())
            .map(|entry| format!("{directory}{}", entry.name))
            .filter(|path| path.starts_with(prefix))
            .collect())
    }
}

/// Returns the path to open, which is the root for an empty path.
fn below(path: &str) -> &Path {
    Path::new(if path.is_empty() { "." } else { path })
}

fn about(path: &str, error: io::Error) -> ToolError {
    ToolError::new(format!("`{path}`: {error}"))
}

/// Returns options that open without blocking: opening a pipe would otherwise wait for a writer.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        options.custom_flags(flags.cast_signed());
    }
    options
}

/// Reads a file. Returns `None` if it is larger than [`FILE_BYTES`].
fn read_at_most(directory: &Dir, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = directory.open_with(path, &options())?;
    // Reading from a device or a pipe might never end.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(u64::try_from(bytes.len())
        .is_ok_and(|length| length <= FILE_BYTES)
        .then_some(bytes))
}

/// An entry of a directory. The name of a directory ends with `/`.
struct Entry {
    name: String,
    kind: FileType,
}

impl Entry {
    /// Returns `None` for a pipe, a socket or a device, and for a name that is not UTF-8, since clients could not send
    /// it.
    fn new(entry: &DirEntry) -> io::Result<Option<Self>> {
        let kind = entry.file_type()?;
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            return Ok(None);
        }
        let name = entry.file_name().into_string().ok();
        Ok(name.map(|name| Self {
            name: if kind.is_dir() { name + "/" } else { name },
            kind,
        }))
    }
}

/// Returns the entries of a directory, sorted by name.
fn entries(directory: &Dir) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in directory.entries()? {
        entries.extend(Entry::new(&entry?)?);
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Calls `visit` with each file below a directory and its path, until it returns `false`. Links are not followed.
fn walk(
    directory: &Dir,
    path: &str,
    depth: usize,
    visit: &mut impl FnMut(&Dir, &str, &str) -> bool,
) -> bool {
    // Unreadable entries, and entries removed meanwhile, are skipped.
    for Entry { name, kind } in entries(directory).unwrap_or_default() {
        let below = format!("{path}{name}");
        let go_on = if kind.is_file() {
            visit(directory, &name, &below)
        } else if kind.is_dir() && depth < DEPTH {
            directory
                .open_dir(&name)
                .map_or(true, |inner| walk(&inner, &below, depth + 1, visit))
        } else {
            true
        };
        if !go_on {
            return false;
        }
    }
    true
}

/// List a directory. Names of directories end with `/`.
#[tool(read_only)]
fn list(
    /// The directory, relative to the served directory. Default: the served directory.
    #[arg(default)]
    path: &str,
    root: State<Root>,
) -> Result<String, ToolError> {
    let entries = entries(&root.directory(path)?).map_err(|error| about(path, error))?;
    let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    Ok(names.join("\n"))
}

/// Read a text file.
#[tool(read_only)]
fn read(
    /// The file, relative to the served directory.
    path: &str,
    root: State<Root>,
) -> Result<String, ToolError> {
    String::from_utf8(root.read(path)?).map_err(|_| {
        ToolError::new(format!(
            "`{path}` is not UTF-8 text: read it as a resource to get its bytes"
        ))
    })
}

/// Search text files for lines that contain a text. Returns `path:line number: line` for each.
#[tool(read_only)]
fn search(
    /// The exact text to find.
    query: &str,
    /// The directory to search, relative to the served directory. Default: the served directory.
    #[arg(default)]
    path: &str,
    root: State<Root>,
    cancel: Cancel,
) -> Result<String, ToolError> {
    if query.is_empty() {
        return Err(ToolError::new("`query` is empty: give the text to find"));
    }
    let start = root.directory(path)?;
    let prefix = match path.trim_end_matches('/') {
        "" => String::new(),
        path => format!("{path}/"),
    };
    let mut found = Vec::new();
    walk(&start, &prefix, 0, &mut |directory, name, path| {
        if let Ok(Some(bytes)) = read_at_most(directory, Path::new(name))
            && let Ok(text) = String::from_utf8(bytes)
        {
            let lines = text.lines().enumerate();
            let matching = lines.filter(|(_, line)| line.contains(query));
            found.extend(matching.map(|(index, line)| format!("{path}:{}: {line}", index + 1)));
        }
        found.len() <= MATCHES && !cancel.is_cancelled()
    });
    if found.is_empty() {
        return Ok(format!("No line contains {query:?}."));
    }
    if found.len() > MATCHES {
        found.truncate(MATCHES);
        found.push(format!("There are more: these are the first {MATCHES}."));
    }
    Ok(found.join("\n"))
}

/// A file, as text or as bytes.
#[resource("file:///{+path}", list = list_files)]
fn file(
    #[arg(complete = complete_path)] path: &str,
    root: State<Root>,
) -> Result<Option<ResourceContents>, ToolError> {
    if root.0.metadata(below(path)).is_err() {
        // A link that leads out of the directory is reported like a missing file.
        return Ok(None);
    }
    let contents = String::from_utf8(root.read(path)?).map_or_else(
        |error| ResourceContents::bytes(error.into_bytes()).mime("application/octet-stream"),
        |text| ResourceContents::text(text).mime("text/plain"),
    );
    Ok(Some(contents))
}

fn list_files(root: State<Root>) -> Vec<ResourceLink> {
    let mut links = Vec::new();
    walk(&root.0, "", 0, &mut |_, _, path| {
        links.push(ResourceLink::new(uri_of(path), path));
        links.len() < LISTED
    });
    links
}

/// Returns the URI of a file. Each segment is encoded: a name may contain `%`, `?` and `#`.
fn uri_of(path: &str) -> String {
    let segment = |name: &str| utf8_percent_encode(name, ESCAPED).to_string();
    let segments: Vec<String> = path.split('/').map(segment).collect();
    format!("file:///{}", segments.join("/"))
}

fn complete_path(completion: Completion, root: State<Root>) -> Vec<String> {
    // A missing directory has no completions.
    root.complete(completion.value()).unwrap_or_default()
}

fn server(root: Root) -> Server {
    mcp_runtime::server!()
        .title("Files")
        .instructions("All paths are relative to one directory, which is read-only.")
        .state(root)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: files DIRECTORY [--http [ADDR] | list | call NAME key=value | ..]");
        return ExitCode::from(2);
    };
    match Root::open(&path) {
        Ok(root) => server(root).run_from(arguments),
        Err(error) => {
            eprintln!(
                "the directory `{}` cannot be served: {error}",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use mcp_runtime::ClientError;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    /// Creates a directory to serve, `root`, and a file beside it that must stay inaccessible.
    fn place() -> TempDir {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        fs::write(place.path().join("secret"), "TOP SECRET\n").unwrap();
        fs::write(root.join("a.txt"), "alpha\nneedle\n").unwrap();
        fs::write(root.join("sub/deep/b ü%?#.txt"), "one\nneedle two\n").unwrap();
        fs::write(root.join("bytes"), [0xff, 0x00, 0xfe]).unwrap();
        fs::write(root.join("large"), vec![b'x'; 1 + (1 << 20)]).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(place.path().join("secret"), root.join("escape")).unwrap();
            symlink("../secret", root.join("relative_escape")).unwrap();
            symlink(place.path(), root.join("parent")).unwrap();
            symlink("a.txt", root.join("inside")).unwrap();
        }
        place
    }

    fn serve(place: &TempDir) -> Server {
        server(Root::open(&place.path().join("root")).unwrap())
    }

    fn root(place: &TempDir) -> State<Root> {
        Root::open(&place.path().join("root")).unwrap().into()
    }

    #[test]
    fn tools_are_plain_functions() {
        let place = place();
        assert_eq!(list("sub", root(&place)).unwrap(), "deep/");
        assert_eq!(read("a.txt", root(&place)).unwrap(), "alpha\nneedle\n");
    }

    #[tokio::test]
    async fn a_search_names_file_and_line() -> Result<(), ClientError> {
        let place = place();
        let client = serve(&place).client().await;
        let reply = client.call("search", json!({ "query": "needle" })).await?;
        assert_eq!(
            reply.text(),
            "a.txt:2: needle\nsub/deep/b ü%?#.txt:2: needle two"
        );
        let below = json!({ "query": "needle", "path": "sub/" });
        let reply = client.call("search", below).await?;
        assert_eq!(reply.text(), "sub/deep/b ü%?#.txt:2: needle two");
        Ok(())
    }

    #[tokio::test]
    async fn what_leads_out_is_refused() -> Result<(), ClientError> {
        let place = place();
        let client = serve(&place).client().await;
        let absolute = place.path().join("root/a.txt");
        let mut paths = vec![
            "../secret",
            "sub/../../secret",
            "a.txt\0",
            "%2e%2e/secret",
            "..\\secret",
            absolute.to_str().unwrap(),
        ];
        if cfg!(unix) {
            paths.extend(["escape", "relative_escape", "parent/secret"]);
        }
        for path in paths {
            let reply = client.call("read", json!({ "path": path })).await?;
            assert!(reply.is_error(), "{path}: {}", reply.text());
            assert!(!reply.text().contains("SECRET"), "{path}");
            // Encoded once, as by a client.
            let read = client.read(&uri_of(path)).await;
            assert!(
                matches!(read, Err(ClientError::Rpc { .. })),
                "{path}: {read:?}"
            );
            let completed = client.complete("file:///{+path}", "path", path).await?;
            assert_eq!(completed.values, [""; 0], "{path}");
        }
        let search = client.call("search", json!({ "query": "SECRET" })).await?;
        assert_eq!(search.text(), "No line contains \"SECRET\".");
        Ok(())
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_within_is_followed() -> Result<(), ClientError> {
        let place = place();
        let client = serve(&place).client().await;
        let reply = client.call("read", json!({ "path": "inside" })).await?;
        assert_eq!(reply.text(), "alpha\nneedle\n");
        Ok(())
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_blocks_nobody() -> Result<(), ClientError> {
        let place = place();
        let root = place.path().join("root");
        let made = std::process::Command::new("mkfifo")
            .arg(root.join("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        std::os::unix::fs::symlink("pipe", root.join("link")).unwrap();
        let client = serve(&place).client().await;
        for path in ["pipe", "socket", "link"] {
            let arguments = json!({ "path": path });
            let call = client.call("read", arguments);
            let reply = tokio::time::timeout(Duration::from_secs(5), call).await;
            if reply.is_err() {
                // Opening the other end unblocks the handler; the runtime waits for it when it shuts down.
                fs::OpenOptions::new()
                    .write(true)
                    .open(root.join("pipe"))
                    .unwrap();
            }
            let reply = reply.expect("the call ends")?;
            assert!(reply.is_error(), "{path}: {}", reply.text());
            let read = client.read(&uri_of(path)).await;
            let error = read.expect_err("nothing is read").to_string();
            assert!(error.contains(path), "{error}");
        }
        let search = client.call("search", json!({ "query": "needle" })).await?;
        assert!(search.text().starts_with("a.txt:2:"), "{}", search.text());
        let listed = client.call("list", json!({})).await?.text();
        for path in ["pipe", "socket"] {
            assert!(listed.lines().all(|name| name != path), "{listed}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn every_listed_resource_can_be_read() -> Result<(), ClientError> {
        let place = place();
        let client = serve(&place).client().await;
        let listed = client.resources().await?;
        let uris: Vec<&str> = listed
            .iter()
            .filter_map(|link| link["uri"].as_str())
            .collect();
        assert!(
            uris.contains(&"file:///sub/deep/b%20%C3%BC%25%3F%23.txt"),
            "{uris:?}"
        );
        let contents = client.read(uris[0]).await?;
        assert_eq!(contents[0]["text"], "alpha\nneedle\n");
        let contents = client
            .read("file:///sub/deep/b%20%C3%BC%25%3F%23.txt")
            .await?;
        assert_eq!(contents[0]["text"], "one\nneedle two\n");
        let contents = client.read("file:///bytes").await?;
        assert_eq!(contents[0]["blob"], "/wD+");
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_be_read_says_why() -> Result<(), ClientError> {
        let place = place();
        let client = serve(&place).client().await;
        for (path, why) in [
            ("missing.txt", "missing.txt"),
            ("large", "larger"),
            ("bytes", "UTF-8"),
            ("sub", "file"),
        ] {
            let reply = client.call("read", json!({ "path": path })).await?;
            assert!(
                reply.is_error() && reply.text().contains(why),
                "{}",
                reply.text()
            );
        }
        let missing = client.read("file:///missing.txt").await;
        let Err(ClientError::Rpc { code, data, .. }) = missing else {
            panic!("{missing:?}");
        };
        assert_eq!(code, -32602);
        assert_eq!(
            data.as_ref().map(|data| &data["uri"]),
            Some(&Value::from("file:///missing.txt"))
        );
        Ok(())
    }

    #[tokio::test]
    async fn paths_are_completed() -> Result<(), ClientError> {
        let place = place();
        let client = serve(&place).client().await;
        for (typed, offered) in [
            ("a", vec!["a.txt"]),
            ("sub/", vec!["sub/deep/"]),
            ("nowhere/", vec![]),
        ] {
            let completed = client.complete("file:///{+path}", "path", typed).await?;
            assert_eq!(completed.values, offered, "{typed}");
        }
        Ok(())
    }
}
