//! A list of ways to leave a directory. Each is tried with every tool.
//!
//! | way | expected |
//! |---|---|
//! | `..`, alone, in the middle, and encoded | refused |
//! | absolute paths, also with a similar name or in another case | refused |
//! | symbolic links that lead out: absolute, relative, to a directory, in a chain | refused |
//! | links that are exchanged during a call | no call leaves the directory |
//! | links with the names of temporary files | are not followed |
//! | hard links to a file outside | can be read; a write leaves the file outside as it is |
//! | `/proc/self/fd`, `/proc/self/root`, `/dev/fd` | refused, also through a link |
//! | NUL in a path | refused |
//! | names and paths that are too long | refused |
//! | names in another case, with trailing dots, spaces and backslashes | other files, which do not exist |
//! | pipes, sockets and devices | refused without blocking |

use super::*;

/// Returns the calls of all tools that take a path.
fn calls(path: &str) -> Vec<(&'static str, Value)> {
    let edits = json!([{ "oldText": "TOP", "newText": "NO" }]);
    vec![
        ("read_file", json!({ "path": path })),
        ("read_text_file", json!({ "path": path })),
        ("read_text_file", json!({ "path": path, "head": 1 })),
        ("read_text_file", json!({ "path": path, "tail": 1 })),
        ("read_media_file", json!({ "path": path })),
        ("write_file", json!({ "path": path, "content": "written" })),
        ("edit_file", json!({ "path": path, "edits": edits })),
        ("create_directory", json!({ "path": path })),
        ("list_directory", json!({ "path": path })),
        ("list_directory_with_sizes", json!({ "path": path })),
        ("directory_tree", json!({ "path": path })),
        (
            "move_file",
            json!({ "source": path, "destination": "stolen" }),
        ),
        (
            "move_file",
            json!({ "source": "a.txt", "destination": path }),
        ),
        ("search_files", json!({ "path": path, "pattern": "**" })),
        ("get_file_info", json!({ "path": path })),
    ]
}

/// Returns the names, kinds and contents of everything outside of the served directory.
fn outside(place: &TempDir) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![place.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path == place.path().join("root") {
                continue;
            }
            if path.is_dir() {
                directories.push(path.clone());
            }
            let contents = fs::read_to_string(&path).unwrap_or_default();
            found.push((path, contents));
        }
    }
    found.sort();
    found
}

/// Checks that no tool leaves the directory with this path.
async fn stays_inside(client: &Client, place: &TempDir, path: &str) {
    let before = outside(place);
    for (tool, arguments) in calls(path) {
        let text = refusal(client, tool, arguments.clone()).await;
        assert!(!text.contains("SECRET"), "{tool} {arguments}: {text}");
    }
    let several = call(client, "read_multiple_files", json!({ "paths": [path] })).await;
    assert!(
        several.contains(": Error - ") && !several.contains("SECRET"),
        "{several}"
    );
    let read = client.read(&uri_of(Path::new(path))).await;
    assert!(
        matches!(read, Err(ClientError::Rpc { .. })),
        "{path}: {read:?}"
    );
    let completed = client
        .complete("file:///{+path}", "path", path.trim_start_matches('/'))
        .await;
    let own = format!("{}/", root(place).display()).split_off(1);
    assert!(
        completed.unwrap().values.iter().all(|value| *value == own),
        "{path}"
    );
    assert_eq!(outside(place), before, "{path}");
    assert!(!root(place).join("stolen").exists(), "{path}");
}

/// Creates a directory to serve, and a directory beside it with a file.
fn guarded() -> TempDir {
    let place = place();
    fs::create_dir(place.path().join("other")).unwrap();
    fs::create_dir(place.path().join("root2")).unwrap();
    fs::write(place.path().join("other/file"), "SECRET too").unwrap();
    place
}

#[tokio::test]
async fn what_is_refused_is_there() {
    // Without this, the other tests might only show that nothing exists.
    let place = guarded();
    let client = serve(place.path()).await;
    let secret = place.path().join("secret");
    for path in [secret.to_str().unwrap(), "root/../secret", "secret"] {
        let text = call(&client, "read_text_file", json!({ "path": path })).await;
        assert_eq!(text, "TOP SECRET\n", "{path}");
    }
    assert_eq!(outside(&place).len(), 4);
}

#[tokio::test]
async fn dots_and_absolute_paths_do_not_lead_out() {
    let place = guarded();
    let client = serve(&root(&place)).await;
    let absolute = |path: &str| place.path().join(path).display().to_string();
    let upper = format!("{}/root/a.txt", place.path().display()).to_uppercase();
    for path in [
        "..",
        "../",
        "../secret",
        "../other",
        "./../secret",
        "sub/../../secret",
        "sub/deep/../../../secret",
        "sub/../..",
        "a.txt/../../secret",
        "missing/../../secret",
        "/",
        "/etc/passwd",
        "//etc/passwd",
        &absolute("secret"),
        &absolute("other"),
        &absolute("root/../secret"),
        &absolute("root/sub/../../secret"),
        // The name of the directory is a prefix of this one.
        &absolute("root2/x"),
        &upper,
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/Cargo.toml",
        "/proc/self/fd/0",
        "/dev/fd/0",
        "/dev/stdin",
        "/dev/null",
    ] {
        stays_inside(&client, &place, path).await;
    }
}

#[tokio::test]
async fn other_spellings_are_other_names() {
    let place = guarded();
    let client = serve(&root(&place)).await;
    let long = "x".repeat(256);
    let deep = "y/".repeat(3000);
    for path in [
        "%2e%2e/secret",
        "..\\secret",
        "sub\\..\\..\\secret",
        "C:\\secret/x",
        "~/x",
        "a.txt.",
        "a.txt ",
        "a.txt...",
        "A.TXT",
        "a.txt\0",
        "a.txt\0/../../secret",
        "\0",
        &long,
        &deep,
    ] {
        for tool in [
            "read_text_file",
            "list_directory",
            "get_file_info",
            "edit_file",
        ] {
            let calls = calls(path);
            let (_, arguments) = calls.iter().find(|(name, _)| *name == tool).unwrap();
            let text = refusal(&client, tool, arguments.clone()).await;
            assert!(
                !text.contains("SECRET") && !text.contains("alpha"),
                "{path:?}: {text}"
            );
        }
    }
    for path in ["a.txt\0", "\0", &long, &deep] {
        for tool in ["write_file", "create_directory"] {
            refusal(&client, tool, json!({ "path": path, "content": "x" })).await;
        }
    }
    // The longest name that exists can be written.
    let longest = "x".repeat(255);
    call(
        &client,
        "write_file",
        json!({ "path": longest, "content": "1" }),
    )
    .await;
    call(
        &client,
        "write_file",
        json!({ "path": longest, "content": "2" }),
    )
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_do_not_lead_out() {
    use std::os::unix::fs::symlink;
    let place = guarded();
    let root = root(&place);
    let links = [
        ("absolute", place.path().join("secret")),
        ("relative", "../secret".into()),
        ("parent", "..".into()),
        ("other", place.path().join("other")),
        ("chain", "sub/next".into()),
        ("sub/next", "../relative".into()),
        ("slash", "/".into()),
        ("fd", "/proc/self/fd".into()),
        ("self", "/proc/self/root".into()),
        ("loop", "loop".into()),
        ("new", "../created".into()),
    ];
    for (link, target) in &links {
        symlink(target, root.join(link)).unwrap();
    }
    let client = serve(&root).await;
    for path in [
        "absolute",
        "relative",
        "parent",
        "parent/secret",
        "parent/created",
        "other",
        "other/file",
        "other/created",
        "chain",
        "slash",
        "slash/etc/passwd",
        "fd/0",
        "self/etc/passwd",
        "loop",
        "new",
        &root.join("parent/secret").display().to_string(),
    ] {
        stays_inside(&client, &place, path).await;
    }
    let found = call(
        &client,
        "search_files",
        json!({ "path": ".", "pattern": "**" }),
    )
    .await;
    for (link, _) in &links {
        assert!(
            found
                .lines()
                .all(|line| !line.ends_with(&format!("/{link}"))),
            "{link}: {found}"
        );
    }
    let tree = call(&client, "directory_tree", json!({ "path": "." })).await;
    assert!(
        !tree.contains("passwd") && !tree.contains("secret"),
        "{tree}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn links_inside_are_followed() {
    let place = guarded();
    std::os::unix::fs::symlink("sub/deep", root(&place).join("inside")).unwrap();
    let client = serve(&root(&place)).await;
    let text = call(
        &client,
        "read_text_file",
        json!({ "path": "inside/b ü%?#.txt" }),
    )
    .await;
    assert_eq!(text, "one\nneedle two\n");
    call(
        &client,
        "write_file",
        json!({ "path": "inside/new", "content": "x" }),
    )
    .await;
    assert!(root(&place).join("sub/deep/new").is_file());
}

/// A thread exchanges a directory and a link that leads out, as fast as it can.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_appears_during_a_call_does_not_lead_out() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let place = guarded();
    let root = root(&place);
    fs::create_dir(root.join("spot")).unwrap();
    fs::write(root.join("spot/file"), "harmless").unwrap();
    std::os::unix::fs::symlink(place.path().join("other"), root.join("link")).unwrap();
    let before = outside(&place);
    let is_done = Arc::new(AtomicBool::new(false));
    let exchanging = std::thread::spawn({
        let (is_done, spot, link) = (Arc::clone(&is_done), root.join("spot"), root.join("link"));
        move || {
            while !is_done.load(Ordering::Relaxed) {
                renameat_with(CWD, &spot, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        }
    });
    let client = serve(&root).await;
    let (mut succeeded, mut refused) = (0, 0);
    for round in 0..20_000 {
        let (tool, arguments) = match round % 4 {
            0 => ("read_text_file", json!({ "path": "spot/file" })),
            1 => (
                "write_file",
                json!({ "path": "spot/file", "content": "harmless" }),
            ),
            2 => (
                "write_file",
                json!({ "path": format!("spot/{round}"), "content": "x" }),
            ),
            _ => ("list_directory", json!({ "path": "spot" })),
        };
        let reply = client.call(tool, arguments).await.unwrap();
        assert!(!reply.text().contains("SECRET"), "{tool}: {}", reply.text());
        *(if reply.is_error() {
            &mut refused
        } else {
            &mut succeeded
        }) += 1;
        if round >= 2000 && succeeded > 100 && refused > 100 {
            break;
        }
    }
    is_done.store(true, Ordering::Relaxed);
    exchanging.join().unwrap();
    assert_eq!(outside(&place), before);
    assert!(
        succeeded > 100 && refused > 100,
        "{succeeded} calls succeeded, {refused} were refused"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_write_through_a_hard_link_changes_only_the_inside() {
    let place = guarded();
    fs::hard_link(place.path().join("secret"), root(&place).join("hard")).unwrap();
    let before = outside(&place);
    let client = serve(&root(&place)).await;
    let edits = json!([{ "oldText": "TOP", "newText": "NO" }]);
    call(
        &client,
        "edit_file",
        json!({ "path": "hard", "edits": edits }),
    )
    .await;
    call(
        &client,
        "write_file",
        json!({ "path": "hard", "content": "new" }),
    )
    .await;
    assert_eq!(
        fs::read_to_string(root(&place).join("hard")).unwrap(),
        "new"
    );
    assert_eq!(outside(&place), before);
}

/// A link that waits under the name of a temporary file.
#[cfg(unix)]
#[tokio::test]
async fn a_write_does_not_follow_a_link_with_the_name_of_its_temporary_file() {
    let place = guarded();
    let root = root(&place);
    for number in 0..2000 {
        let name = format!(".mcp-{}-{number}.tmp", std::process::id());
        std::os::unix::fs::symlink("a.txt", root.join(name)).unwrap();
    }
    let client = serve(&root).await;
    refusal(
        &client,
        "write_file",
        json!({ "path": "new", "content": "x" }),
    )
    .await;
    let kept = fs::read_to_string(root.join("a.txt")).unwrap();
    assert_eq!(kept, "alpha\nneedle\n");
}

#[cfg(unix)]
#[tokio::test]
async fn pipes_and_sockets_block_nobody() {
    let place = guarded();
    let root = root(&place);
    let made = std::process::Command::new("mkfifo")
        .arg(root.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    std::os::unix::fs::symlink("pipe", root.join("link")).unwrap();
    let client = serve(&root).await;
    for path in ["pipe", "socket", "link"] {
        for (tool, arguments) in calls(path) {
            if ["move_file", "get_file_info"].contains(&tool) {
                continue;
            }
            let call = client.call(tool, arguments);
            let reply = tokio::time::timeout(Duration::from_secs(20), call).await;
            if reply.is_err() {
                // Opening the other end unblocks the handler; the runtime waits for it when it shuts down.
                fs::OpenOptions::new()
                    .write(true)
                    .open(root.join("pipe"))
                    .unwrap();
            }
            let reply = reply.expect("the call ends").unwrap();
            assert!(reply.is_error(), "{tool} {path}: {}", reply.text());
        }
        let error = client
            .read(&uri_of(&root.join(path)))
            .await
            .expect_err("nothing is read");
        assert!(error.to_string().contains(path), "{error}");
    }
    let info = call(&client, "get_file_info", json!({ "path": "pipe" })).await;
    assert!(info.contains("isFile: false"), "{info}");
}

/// A device can be created only with privileges, so an allowed directory is `/dev`.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn devices_are_not_read_or_replaced() {
    let client = serve(Path::new("/dev")).await;
    for path in ["zero", "null", "/dev/full"] {
        for (tool, arguments) in calls(path) {
            if tool.starts_with("read_") || ["write_file", "edit_file"].contains(&tool) {
                let text = refusal(&client, tool, arguments).await;
                assert!(text.contains("not a regular file"), "{tool} {path}: {text}");
            }
        }
    }
    // The links of `/dev` to `/proc` lead out.
    refusal(&client, "read_text_file", json!({ "path": "/dev/fd/0" })).await;
    refusal(&client, "read_text_file", json!({ "path": "/dev/stdin" })).await;
}
