//! The tests of the tools. Those of the limits of the folder are in `limits`, and those of programs that a repository
//! names in `programs`.

mod limits;
mod programs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mcp_runtime::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// Runs git as a user does, without the configuration of this machine.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_AUTHOR_DATE", "2024-01-15T14:30:25+01:00")
        .env("GIT_COMMITTER_DATE", "2024-01-15T14:30:25+01:00")
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {message}");
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Creates a repository with one commit on `main`.
fn init(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    git(directory, &["init", "--quiet", "--initial-branch=main"]);
    git(directory, &["config", "user.name", "Ada"]);
    git(directory, &["config", "user.email", "ada@example.com"]);
    fs::create_dir(directory.join("sub")).unwrap();
    fs::write(directory.join("a.txt"), "one\ntwo\nthree\n").unwrap();
    fs::write(directory.join("sub/b.txt"), "b\n").unwrap();
    git(directory, &["add", "."]);
    git(
        directory,
        &["commit", "--quiet", "--message=First\n\nWith a body"],
    );
}

/// Creates a folder with the repository `repo`.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    init(&place.path().join("folder/repo"));
    place
}

fn repo(place: &TempDir) -> PathBuf {
    place.path().join("folder/repo")
}

async fn serve(place: &TempDir) -> Client {
    let git = Git::new("git".into(), &place.path().join("folder")).unwrap();
    server(git).client().await
}

/// Adds the repository to the arguments of a tool.
fn with_repo(mut arguments: Value) -> Value {
    arguments["repo_path"] = "repo".into();
    arguments
}

/// Returns the text of a call that succeeds.
async fn call(client: &Client, tool: &str, arguments: Value) -> String {
    let reply = client.call(tool, with_repo(arguments)).await.unwrap();
    assert!(!reply.is_error(), "{tool}: {}", reply.text());
    reply.text()
}

/// Returns the text of a call that fails.
async fn refusal(client: &Client, tool: &str, arguments: Value) -> String {
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(reply.is_error(), "{tool}: {}", reply.text());
    reply.text()
}

#[tokio::test]
async fn changes_are_staged_committed_and_unstaged() {
    let place = place();
    let client = serve(&place).await;
    fs::write(repo(&place).join("a.txt"), "one\n2\nthree\n").unwrap();
    fs::write(repo(&place).join("new.txt"), "new\n").unwrap();
    let status = call(&client, "git_status", json!({})).await;
    assert!(
        status.starts_with("Repository status:\nOn branch main\n"),
        "{status}"
    );
    assert!(
        status.contains("modified:   a.txt") && status.contains("new.txt"),
        "{status}"
    );
    let unstaged = call(&client, "git_diff_unstaged", json!({ "context_lines": 0 })).await;
    assert!(
        unstaged.starts_with("Unstaged changes:\ndiff --git a/a.txt b/a.txt\n"),
        "{unstaged}"
    );
    assert!(
        unstaged.ends_with("@@ -2 +2 @@ one\n-two\n+2"),
        "{unstaged}"
    );

    let add = json!({ "files": ["a.txt"] });
    assert_eq!(
        call(&client, "git_add", add.clone()).await,
        "Files staged successfully"
    );
    assert!(
        call(&client, "git_add", add.clone())
            .await
            .starts_with("Nothing was staged")
    );
    let staged = call(&client, "git_diff_staged", json!({})).await;
    assert!(
        staged.starts_with("Staged changes:\n") && staged.contains("+2"),
        "{staged}"
    );
    assert_eq!(
        call(&client, "git_diff_unstaged", json!({})).await,
        "Unstaged changes:\n"
    );
    assert_eq!(
        call(&client, "git_reset", json!({})).await,
        "All staged changes reset"
    );
    assert_eq!(
        call(&client, "git_diff_staged", json!({})).await,
        "Staged changes:\n"
    );

    call(&client, "git_add", json!({ "files": ["."] })).await;
    let message = "-m is no option\n\n# and this is no comment";
    let committed = call(&client, "git_commit", json!({ "message": message })).await;
    let hash = git(&repo(&place), &["rev-parse", "HEAD"]);
    assert_eq!(
        committed,
        format!("Changes committed successfully with hash {hash}")
    );
    assert_eq!(git(&repo(&place), &["log", "-1", "--format=%B"]), message);
    let again = with_repo(json!({ "message": "again" }));
    let text = refusal(&client, "git_commit", again).await;
    assert!(text.contains("nothing to commit"), "{text}");
    let empty = with_repo(json!({ "message": " \n" }));
    assert!(
        refusal(&client, "git_commit", empty)
            .await
            .contains("`message` is empty")
    );
}

#[tokio::test]
async fn the_history_is_shown() {
    let place = place();
    let client = serve(&place).await;
    let hash = git(&repo(&place), &["rev-parse", "HEAD"]);
    let log = call(&client, "git_log", json!({})).await;
    let date = "2024-01-15 14:30:25+01:00";
    let expected =
        format!("Commit: {hash}\nAuthor: Ada\nDate: {date}\nMessage: First\n\nWith a body\n\n");
    assert_eq!(log, format!("Commit history:\n{expected}"));
    for (arguments, commits) in [
        (json!({ "start_timestamp": "2024-01-01" }), 1),
        (json!({ "start_timestamp": "2024-02-01" }), 0),
        (json!({ "end_timestamp": "2024-01-01" }), 0),
        (json!({ "end_timestamp": "yesterday", "max_count": 5 }), 1),
    ] {
        let log = call(&client, "git_log", arguments.clone()).await;
        assert_eq!(
            log.matches("Commit: ").count(),
            commits,
            "{arguments}: {log}"
        );
    }
    fs::write(repo(&place).join("a.txt"), "changed\n").unwrap();
    git(
        &repo(&place),
        &["commit", "--quiet", "--all", "--message=Second"],
    );
    let log = call(&client, "git_log", json!({ "max_count": 1 })).await;
    assert!(
        log.contains("Message: Second\n") && !log.contains("First"),
        "{log}"
    );
    let both = call(&client, "git_log", json!({})).await;
    assert!(both.contains("Message: Second\n\n\nCommit: "), "{both}");
    let diff = call(&client, "git_diff", json!({ "target": "HEAD~1" })).await;
    assert!(
        diff.starts_with("Diff with HEAD~1:\n") && diff.ends_with("+changed"),
        "{diff}"
    );
}

#[tokio::test]
async fn commits_files_and_directories_are_shown() {
    let place = place();
    let client = serve(&place).await;
    let commit = call(&client, "git_show", json!({ "revision": "main" })).await;
    let header = "Author: Ada <ada@example.com>\nDate:   2024-01-15 14:30:25 +0100\n\n    First\n    \n    With a body\n\n";
    assert!(commit.contains(header), "{commit}");
    assert!(
        commit.contains("+++ b/a.txt\n@@ -0,0 +1,3 @@\n+one\n"),
        "{commit}"
    );
    for (revision, shown) in [
        ("HEAD:a.txt", "one\ntwo\nthree\n"),
        ("HEAD:sub", "b.txt"),
        ("HEAD:", "a.txt\nsub/"),
    ] {
        assert_eq!(
            call(&client, "git_show", json!({ "revision": revision })).await,
            shown
        );
    }
    let missing = with_repo(json!({ "revision": "HEAD:missing" }));
    assert!(
        refusal(&client, "git_show", missing)
            .await
            .contains("no revision `HEAD:missing`")
    );
}

#[tokio::test]
async fn branches_are_created_listed_and_checked_out() {
    let place = place();
    let client = serve(&place).await;
    let create = json!({ "branch_name": "topic" });
    assert_eq!(
        call(&client, "git_create_branch", create.clone()).await,
        "Created branch 'topic' from 'main'"
    );
    let text = refusal(&client, "git_create_branch", with_repo(create)).await;
    assert!(text.contains("already exists"), "{text}");
    let local = json!({ "branch_type": "local" });
    assert_eq!(
        call(&client, "git_branch", local.clone()).await,
        "* main\n  topic"
    );
    let checkout = json!({ "branch_name": "topic" });
    assert_eq!(
        call(&client, "git_checkout", checkout).await,
        "Switched to branch 'topic'"
    );
    fs::write(repo(&place).join("t.txt"), "t\n").unwrap();
    call(&client, "git_add", json!({ "files": ["t.txt"] })).await;
    call(&client, "git_commit", json!({ "message": "Topic" })).await;
    for (option, expected) in [("contains", "* topic"), ("not_contains", "  main")] {
        let only = json!({ "branch_type": "local", option: "topic" });
        assert_eq!(call(&client, "git_branch", only).await, expected);
    }
    assert_eq!(
        call(&client, "git_branch", json!({ "branch_type": "remote" })).await,
        ""
    );
    assert_eq!(
        call(&client, "git_branch", json!({ "branch_type": "all" })).await,
        "  main\n* topic"
    );
    let hash = git(&repo(&place), &["rev-parse", "--short=7", "main"]);
    let detach = json!({ "branch_name": "HEAD~1" });
    assert_eq!(
        call(&client, "git_checkout", detach).await,
        format!("HEAD is now detached at {hash}")
    );
    let text = refusal(
        &client,
        "git_create_branch",
        with_repo(json!({ "branch_name": "x" })),
    )
    .await;
    assert!(text.contains("give `base_branch`"), "{text}");
    let based = json!({ "branch_name": "x", "base_branch": "topic" });
    assert_eq!(
        call(&client, "git_create_branch", based).await,
        "Created branch 'x' from 'topic'"
    );
}

/// A file has the name of a branch that does not exist: `git checkout` alone would restore the file.
#[tokio::test]
async fn a_checkout_never_restores_a_file() {
    let place = place();
    let client = serve(&place).await;
    fs::write(repo(&place).join("a.txt"), "mine\n").unwrap();
    let file = with_repo(json!({ "branch_name": "a.txt" }));
    assert!(
        refusal(&client, "git_checkout", file)
            .await
            .contains("no revision")
    );
    assert_eq!(
        fs::read_to_string(repo(&place).join("a.txt")).unwrap(),
        "mine\n"
    );
}

/// The output of `git add` would be cut, and the index is larger than any output may be.
#[tokio::test]
async fn very_many_files_are_staged() {
    let place = place();
    let client = serve(&place).await;
    let folder = repo(&place).join("x".repeat(200));
    fs::create_dir(&folder).unwrap();
    for number in 0..6000 {
        fs::write(folder.join(number.to_string()), "").unwrap();
    }
    let add = json!({ "files": ["."] });
    assert_eq!(
        call(&client, "git_add", add.clone()).await,
        "Files staged successfully"
    );
    assert!(
        call(&client, "git_add", add)
            .await
            .starts_with("Nothing was staged")
    );
    let staged = git(&repo(&place), &["diff", "--cached", "--name-only"]);
    assert_eq!(staged.lines().count(), 6000);
}

#[tokio::test]
async fn long_output_is_cut() {
    let place = place();
    let client = serve(&place).await;
    let line = "x".repeat(99) + "\n";
    fs::write(repo(&place).join("a.txt"), line.repeat(30_000)).unwrap();
    let diff = call(&client, "git_diff_unstaged", json!({})).await;
    assert!(
        diff.ends_with("[cut after 1048576 bytes: ask for less]"),
        "{}",
        diff.len()
    );
    assert!(diff.len() < 1_100_000);
    call(&client, "git_add", json!({ "files": ["."] })).await;
    let staged = call(&client, "git_diff_staged", json!({})).await;
    assert!(staged.ends_with("ask for less]"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_does_not_end_is_stopped() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    let script = place.path().join("slow-git");
    let started = place.path().join("started");
    let text = format!(
        "#!/bin/sh\necho $$ >'{}'\nexec sleep 1000\n",
        started.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let git = Git::new(script.into(), &place.path().join("folder")).unwrap();
    let client = server(git.time_limit(Duration::from_secs(1)))
        .client()
        .await;
    let text = refusal(&client, "git_status", with_repo(json!({}))).await;
    assert!(text.contains("did not finish within 1 s"), "{text}");
    let process = fs::read_to_string(started).unwrap();
    let process = PathBuf::from(format!("/proc/{}/cmdline", process.trim()));
    // The killed process is a zombie, or gone.
    for _ in 0..1000 {
        if fs::read(&process).unwrap_or_default().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the process still runs");
}
