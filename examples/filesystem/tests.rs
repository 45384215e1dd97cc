//! The tests of the tools and resources. Those of the limits of the directory are in `escapes`.

mod escapes;

use std::fs;
use std::path::Path;
use std::time::Duration;

use mcp_runtime::{Client, ClientError, Revision};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::resources::uri_of;

/// Creates a directory to serve, `root`, and a file beside it that must stay inaccessible.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    fs::create_dir_all(root.join("sub/deep")).unwrap();
    fs::write(place.path().join("secret"), "TOP SECRET\n").unwrap();
    fs::write(root.join("a.txt"), "alpha\nneedle\n").unwrap();
    fs::write(root.join("sub/deep/b ü%?#.txt"), "one\nneedle two\n").unwrap();
    fs::write(root.join("bytes"), [0xff, 0x00, 0xfe]).unwrap();
    fs::write(root.join("pixel.PNG"), [0x89, b'P']).unwrap();
    fs::write(root.join("large"), vec![b'x'; 1 + (1 << 20)]).unwrap();
    place
}

/// Returns the served directory without links.
fn root(place: &TempDir) -> PathBuf {
    place.path().join("root").canonicalize().unwrap()
}

async fn serve(path: &Path) -> Client {
    let directory = Directory::open(path).unwrap();
    server(Directories::new(vec![directory])).client().await
}

/// Returns the text of a call that succeeds.
async fn call(client: &Client, tool: &str, arguments: Value) -> String {
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(!reply.is_error(), "{tool}: {}", reply.text());
    if tool != "read_media_file" {
        assert_eq!(reply.structured()["content"], reply.text(), "{tool}");
    }
    reply.text()
}

/// Returns the text of a call that fails.
async fn refusal(client: &Client, tool: &str, arguments: Value) -> String {
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(reply.is_error(), "{tool}: {}", reply.text());
    reply.text()
}

#[tokio::test]
async fn the_first_and_the_last_lines_are_read() {
    let place = place();
    let client = serve(&root(&place)).await;
    fs::write(root(&place).join("lines"), "1\n2\n3\n").unwrap();
    fs::write(root(&place).join("open end"), "1\n2\n3").unwrap();
    let long: Vec<String> = (0..100_000).map(|line| format!("line {line}\n")).collect();
    fs::write(root(&place).join("long"), long.concat()).unwrap();
    for (path, lines, first, last) in [
        ("lines", 1, "1", "3"),
        ("lines", 2, "1\n2", "2\n3"),
        ("lines", 9, "1\n2\n3", "1\n2\n3"),
        ("open end", 1, "1", "3"),
        ("open end", 9, "1\n2\n3", "1\n2\n3"),
        ("long", 2, "line 0\nline 1", "line 99998\nline 99999"),
    ] {
        let head = json!({ "path": path, "head": lines });
        assert_eq!(call(&client, "read_text_file", head).await, first);
        let tail = json!({ "path": path, "tail": lines });
        assert_eq!(call(&client, "read_text_file", tail).await, last);
    }
    let many = json!({ "path": "long", "tail": 20_000 });
    let many = call(&client, "read_text_file", many).await;
    assert_eq!(
        (many.lines().count(), many.lines().next()),
        (20_000, Some("line 80000"))
    );
    let both = json!({ "path": "lines", "head": 1, "tail": 1 });
    assert!(
        refusal(&client, "read_text_file", both)
            .await
            .contains("not both")
    );
}

#[tokio::test]
async fn files_that_cannot_be_read_say_why() {
    let place = place();
    let client = serve(&root(&place)).await;
    for (path, why) in [
        ("missing.txt", "missing.txt"),
        ("large", "`head` or `tail`"),
        ("bytes", "read_media_file"),
        ("sub", "not a regular file"),
    ] {
        let text = refusal(&client, "read_text_file", json!({ "path": path })).await;
        assert!(text.contains(why), "{path}: {text}");
    }
    let several = json!({ "paths": ["a.txt", "missing.txt", "sub"] });
    let text = call(&client, "read_multiple_files", several).await;
    let parts: Vec<&str> = text.split("\n---\n").collect();
    assert_eq!(parts[0], "a.txt:\nalpha\nneedle\n\n");
    assert!(parts[1].starts_with("missing.txt: Error - "), "{text}");
    assert!(parts[2].starts_with("sub: Error - "), "{text}");
}

#[tokio::test]
async fn media_are_content_of_their_kind() -> Result<(), ClientError> {
    let place = place();
    let client = serve(&root(&place)).await;
    let image = client
        .call("read_media_file", json!({ "path": "pixel.PNG" }))
        .await?;
    let expected = json!({ "type": "image", "data": "iVA=", "mimeType": "image/png" });
    assert_eq!(image.content(), [expected]);
    let bytes = client
        .call("read_media_file", json!({ "path": "bytes" }))
        .await?;
    let uri = uri_of(&root(&place).join("bytes"));
    let contents = json!({ "uri": uri, "mimeType": "application/octet-stream", "blob": "/wD+" });
    assert_eq!(
        bytes.content(),
        [json!({ "type": "resource", "resource": contents })]
    );
    Ok(())
}

#[tokio::test]
async fn directories_are_listed() {
    let place = place();
    let client = serve(&root(&place)).await;
    fs::remove_file(root(&place).join("large")).unwrap();
    let listed = call(&client, "list_directory", json!({ "path": "" })).await;
    assert_eq!(
        listed,
        "[FILE] a.txt\n[FILE] bytes\n[FILE] pixel.PNG\n[DIR] sub"
    );
    let by_size = json!({ "path": root(&place), "sortBy": "size" });
    let sizes = call(&client, "list_directory_with_sizes", by_size).await;
    let lines: Vec<&str> = sizes.lines().collect();
    assert!(
        lines.contains(&"[FILE] a.txt                                13 B"),
        "{sizes}"
    );
    assert!(
        sizes.ends_with("\n\nTotal: 3 files, 1 directories\nCombined size: 18 B"),
        "{sizes}"
    );

    let tree = json!({ "path": ".", "excludePatterns": ["bytes", "*.PNG"] });
    let tree = call(&client, "directory_tree", tree).await;
    let tree: Value = serde_json::from_str(&tree).unwrap();
    let deep = json!({ "name": "b ü%?#.txt", "type": "file" });
    let deep = json!({ "name": "deep", "type": "directory", "children": [deep] });
    let sub = json!({ "name": "sub", "type": "directory", "children": [deep] });
    assert_eq!(tree, json!([{ "name": "a.txt", "type": "file" }, sub]));
}

#[tokio::test]
async fn files_are_found_by_patterns() {
    let place = place();
    let client = serve(&root(&place)).await;
    let root = root(&place).display().to_string();
    for (pattern, excluded, found) in [
        ("*.txt", json!([]), vec!["a.txt"]),
        ("**/*.txt", json!([]), vec!["a.txt", "sub/deep/b ü%?#.txt"]),
        ("**/*.txt", json!(["sub"]), vec!["a.txt"]),
        ("sub/*", json!([]), vec!["sub/deep"]),
        ("*.{txt,PNG}", json!([]), vec!["a.txt", "pixel.PNG"]),
    ] {
        let arguments = json!({ "path": ".", "pattern": pattern, "excludePatterns": excluded });
        let paths: Vec<String> = found.iter().map(|path| format!("{root}/{path}")).collect();
        assert_eq!(
            call(&client, "search_files", arguments).await,
            paths.join("\n"),
            "{pattern}"
        );
    }
    let none = json!({ "path": "sub", "pattern": "nothing" });
    assert_eq!(
        call(&client, "search_files", none).await,
        "No matches found"
    );
    let wrong = json!({ "path": "sub", "pattern": "[" });
    assert!(
        refusal(&client, "search_files", wrong)
            .await
            .contains("the pattern `[`")
    );
}

#[tokio::test]
async fn files_are_written_and_edited() {
    let place = place();
    let client = serve(&root(&place)).await;
    let new = json!({ "path": "new.txt", "content": "one\r\ntwo\r\n" });
    assert_eq!(
        call(&client, "write_file", new).await,
        "Successfully wrote to new.txt"
    );
    let path = root(&place).join("new.txt");
    let edits = json!([{ "oldText": "one\n", "newText": "uno\n" }]);
    let preview = json!({ "path": "new.txt", "edits": edits, "dryRun": true });
    let changes = call(&client, "edit_file", preview).await;
    assert!(changes.contains("\n-one\n+uno\n two\n"), "{changes}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\r\ntwo\r\n");
    let real = json!({ "path": "new.txt", "edits": edits });
    assert_eq!(call(&client, "edit_file", real).await, changes);
    assert_eq!(fs::read_to_string(&path).unwrap(), "uno\r\ntwo\r\n");
    let directory = json!({ "path": "sub", "content": "" });
    assert!(
        refusal(&client, "write_file", directory)
            .await
            .contains("not a regular file")
    );
    let nowhere = json!({ "path": "missing/new.txt", "content": "" });
    assert!(
        refusal(&client, "write_file", nowhere)
            .await
            .contains("its directory")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_write_keeps_the_permissions_and_the_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = place();
    let client = serve(&root(&place)).await;
    let path = root(&place).join("a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.txt", root(&place).join("link")).unwrap();
    call(
        &client,
        "write_file",
        json!({ "path": "link", "content": "new" }),
    )
    .await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(root(&place).join("link").is_symlink());
    let info = call(&client, "get_file_info", json!({ "path": "link" })).await;
    assert!(info.starts_with("size: 3\ncreated: "), "{info}");
    assert!(
        info.ends_with("isDirectory: false\nisFile: true\npermissions: 640"),
        "{info}"
    );
    let names: Vec<_> = fs::read_dir(root(&place))
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().ends_with(".tmp")),
        "{names:?}"
    );
}

#[tokio::test]
async fn files_and_directories_are_created_and_moved() {
    let place = place();
    let client = serve(&root(&place)).await;
    for _ in 0..2 {
        let made = call(&client, "create_directory", json!({ "path": "x/y" })).await;
        assert_eq!(made, "Successfully created directory x/y");
    }
    let moving = json!({ "source": "a.txt", "destination": "x/y/b.txt" });
    let moved = call(&client, "move_file", moving).await;
    assert_eq!(moved, "Successfully moved a.txt to x/y/b.txt");
    let again = json!({ "source": "bytes", "destination": "x/y/b.txt" });
    assert!(
        refusal(&client, "move_file", again)
            .await
            .contains("exists already")
    );
    assert_eq!(
        fs::read_to_string(root(&place).join("x/y/b.txt")).unwrap(),
        "alpha\nneedle\n"
    );
    let itself = json!({ "source": ".", "destination": "z" });
    assert!(
        refusal(&client, "move_file", itself)
            .await
            .contains("must end with a name")
    );
}

#[tokio::test]
async fn paths_belong_to_the_innermost_of_several_directories() {
    let place = place();
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("c.txt"), "other").unwrap();
    let paths = [
        root(&place),
        other.path().canonicalize().unwrap(),
        root(&place).join("sub"),
    ];
    let directories = paths.iter().map(|path| Directory::open(path).unwrap());
    let client = server(Directories::new(directories.collect()))
        .client()
        .await;
    let listed = call(&client, "list_allowed_directories", json!({})).await;
    let lines: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        listed,
        format!("Allowed directories:\n{}", lines.join("\n"))
    );
    let across = json!({ "source": paths[1].join("c.txt"), "destination": paths[2].join("c.txt") });
    call(&client, "move_file", across).await;
    assert_eq!(
        call(&client, "read_text_file", json!({ "path": "sub/c.txt" })).await,
        "other"
    );
}

#[tokio::test]
async fn without_directories_those_of_the_client_are_used() -> Result<(), ClientError> {
    let place = place();
    let uri = uri_of(&root(&place).join("sub"));
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let uri = uri.clone();
        let client = server(Directories::new(Vec::new()))
            .client()
            .revision(revision);
        let client = client
            .answer_with(move |question| {
                assert_eq!(question["method"], "roots/list");
                json!({ "roots": [{ "uri": uri }, { "uri": "file:///missing" }, { "uri": "file://host/x" }] })
            })
            .await;
        let listed = call(&client, "list_directory", json!({ "path": "." })).await;
        assert_eq!(listed, "[DIR] deep");
        let above = json!({ "path": root(&place).join("a.txt") });
        assert!(
            refusal(&client, "read_text_file", above)
                .await
                .contains("outside")
        );
    }
    Ok(())
}

#[tokio::test]
async fn without_any_directory_the_error_says_so() {
    let client = server(Directories::new(Vec::new())).client().await;
    let reply = client.call("list_directory", json!({ "path": "." })).await;
    let text = match reply {
        Ok(reply) => reply.text(),
        Err(error) => error.to_string(),
    };
    assert!(text.contains("roots"), "{text}");
}

#[test]
fn directories_are_told_from_the_arguments_of_every_server() {
    let split = |line: &str| {
        let (paths, rest) = super::split(line.split(' ').map(OsString::from));
        (paths.len(), rest.len())
    };
    for (line, expected) in [
        (".", (1, 0)),
        ("docs call read", (1, 2)),
        ("docs ./more /tmp --http", (3, 1)),
        ("docs call x path=./a", (1, 3)),
        ("--http 127.0.0.1:80", (0, 2)),
    ] {
        assert_eq!(split(line), expected, "{line}");
    }
}

#[tokio::test]
async fn every_listed_resource_can_be_read() -> Result<(), ClientError> {
    let place = place();
    let client = serve(&root(&place)).await;
    fs::remove_file(root(&place).join("large")).unwrap();
    let listed = client.resources().await?;
    let uris: Vec<&str> = listed
        .iter()
        .filter_map(|link| link["uri"].as_str())
        .collect();
    assert_eq!(uris.len(), 4, "{uris:?}");
    for uri in &uris {
        assert_eq!(client.read(uri).await?.len(), 1, "{uri}");
    }
    let special = uris
        .iter()
        .find(|uri| uri.ends_with("/sub/deep/b%20%C3%BC%25%3F%23.txt"));
    let contents = client.read(special.expect("it is listed")).await?;
    assert_eq!(contents[0]["text"], "one\nneedle two\n");
    let contents = client.read(&uri_of(&root(&place).join("bytes"))).await?;
    assert_eq!(contents[0]["blob"], "/wD+");
    let missing = uri_of(&root(&place).join("missing.txt"));
    let Err(ClientError::Rpc { code, data, .. }) = client.read(&missing).await else {
        panic!("a missing file was read");
    };
    assert_eq!(code, -32602);
    assert_eq!(
        data.as_ref().map(|data| &data["uri"]),
        Some(&Value::from(missing))
    );
    Ok(())
}

#[tokio::test]
async fn paths_are_completed() -> Result<(), ClientError> {
    let place = place();
    let client = serve(&root(&place)).await;
    let root = root(&place).display().to_string();
    let root = root.trim_start_matches('/');
    for (typed, offered) in [
        (format!("{root}/a"), vec![format!("{root}/a.txt")]),
        (format!("{root}/sub/"), vec![format!("{root}/sub/deep/")]),
        (root[..3].to_owned(), vec![format!("{root}/")]),
        (format!("{root}/nowhere/"), vec![]),
    ] {
        let completed = client.complete("file:///{+path}", "path", &typed).await?;
        assert_eq!(completed.values, offered, "{typed}");
    }
    Ok(())
}
