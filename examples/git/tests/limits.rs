//! Values that look like options, and repositories outside of the folder.

use super::*;

/// Every argument that reaches git as a name, a revision or a time.
const NAMES: [(&str, &str, &str); 9] = [
    ("git_diff", "target", "{}"),
    ("git_show", "revision", "{}"),
    ("git_checkout", "branch_name", "{}"),
    ("git_create_branch", "branch_name", "{}"),
    ("git_create_branch", "base_branch", r#"{"branch_name":"x"}"#),
    ("git_branch", "contains", r#"{"branch_type":"all"}"#),
    ("git_branch", "not_contains", r#"{"branch_type":"all"}"#),
    ("git_log", "start_timestamp", "{}"),
    ("git_log", "end_timestamp", "{}"),
];

#[tokio::test]
async fn a_value_does_not_become_an_option() {
    let place = place();
    let client = serve(&place).await;
    let output = place.path().join("written");
    let option = format!("--output={}", output.display());
    for (tool, name, others) in NAMES {
        for value in [
            option.as_str(),
            "-p",
            "--all",
            "--help",
            "-",
            "--",
            "",
            "main\0",
        ] {
            let mut arguments: Value = serde_json::from_str(others).unwrap();
            arguments[name] = value.into();
            let text = refusal(&client, tool, with_repo(arguments)).await;
            assert!(text.contains(name), "{tool} {value:?}: {text}");
        }
    }
    assert!(!output.exists());
    // The control: the same value writes a file if it reaches git as an option.
    git(&repo(&place), &["diff", &option, "HEAD"]);
    assert!(output.exists());
}

/// A branch with the name of an option, which only the files of `.git` can create.
#[tokio::test]
async fn a_branch_with_the_name_of_an_option_is_refused() {
    let place = place();
    let client = serve(&place).await;
    let refs = repo(&place).join(".git/refs/heads");
    fs::copy(refs.join("main"), refs.join("--all")).unwrap();
    for tool in ["git_checkout", "git_diff", "git_show"] {
        let name = NAMES.iter().find(|(name, ..)| *name == tool).unwrap().1;
        refusal(&client, tool, with_repo(json!({ name: "--all" }))).await;
    }
}

#[tokio::test]
async fn files_are_paths_of_the_repository() {
    let place = place();
    let client = serve(&place).await;
    fs::write(place.path().join("folder/outside.txt"), "x").unwrap();
    fs::write(repo(&place).join("-A"), "x").unwrap();
    fs::write(repo(&place).join("other.txt"), "x").unwrap();
    let outside = place
        .path()
        .join("folder/outside.txt")
        .display()
        .to_string();
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", repo(&place).join("up")).unwrap();
    for file in [
        "../outside.txt",
        &outside,
        "up/outside.txt",
        ":(top)a.txt",
        ":/",
        "",
        "a\0",
    ] {
        let text = refusal(&client, "git_add", with_repo(json!({ "files": [file] }))).await;
        assert!(!text.is_empty());
    }
    call(&client, "git_add", json!({ "files": ["-A"] })).await;
    assert_eq!(
        git(&repo(&place), &["diff", "--cached", "--name-only"]),
        "-A"
    );
}

/// Returns calls of all tools with a repository.
pub(super) fn calls(repository: &str) -> Vec<(&'static str, Value)> {
    let calls = [
        ("git_status", json!({})),
        ("git_diff_unstaged", json!({})),
        ("git_diff_staged", json!({})),
        ("git_diff", json!({ "target": "HEAD" })),
        ("git_log", json!({})),
        ("git_show", json!({ "revision": "HEAD" })),
        ("git_show", json!({ "revision": "HEAD:a.txt" })),
        ("git_branch", json!({ "branch_type": "all" })),
        ("git_add", json!({ "files": ["."] })),
        ("git_commit", json!({ "message": "x" })),
        (
            "git_create_branch",
            json!({ "branch_name": "y", "base_branch": "main" }),
        ),
        ("git_checkout", json!({ "branch_name": "main" })),
        ("git_reset", json!({})),
    ];
    let with = |(tool, mut arguments): (&'static str, Value)| {
        arguments["repo_path"] = repository.into();
        (tool, arguments)
    };
    calls.map(with).into()
}

async fn all_refuse(client: &Client, repository: &str, why: &str) {
    for (tool, arguments) in calls(repository) {
        let text = refusal(client, tool, arguments).await;
        assert!(
            text.contains(why) && !text.contains("SECRET"),
            "{tool} {repository}: {text}"
        );
    }
}

/// Creates a repository beside the folder, with a secret in its history.
fn guarded() -> TempDir {
    let place = place();
    let outside = place.path().join("outside");
    init(&outside);
    git(
        &outside,
        &["commit", "--quiet", "--allow-empty", "--message=SECRET"],
    );
    place
}

#[cfg(unix)]
#[tokio::test]
async fn repositories_outside_of_the_folder_are_refused() {
    use std::os::unix::fs::symlink;
    let place = guarded();
    let (folder, outside) = (place.path().join("folder"), place.path().join("outside"));
    symlink(&outside, folder.join("link")).unwrap();
    symlink(&outside, repo(&place).join("inner")).unwrap();
    let client = serve(&place).await;
    let absolute = outside.display().to_string();
    for path in [
        "../outside",
        "repo/../../outside",
        &absolute,
        "link",
        "repo/inner",
        "/",
        "..",
    ] {
        all_refuse(&client, path, "not inside").await;
    }
    all_refuse(&client, "missing", "missing").await;
    all_refuse(&client, "repo/a.txt", "a.txt").await;
    assert_eq!(git(&outside, &["status", "--short"]), "");
}

#[cfg(unix)]
#[tokio::test]
async fn a_git_directory_outside_of_the_folder_is_refused() {
    let place = guarded();
    let (folder, outside) = (place.path().join("folder"), place.path().join("outside"));
    let hash = git(&outside, &["rev-parse", "HEAD"]);
    for name in ["file", "link", "tree", "common"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let there = outside.join(".git").display().to_string();
    fs::write(folder.join("file/.git"), format!("gitdir: {there}\n")).unwrap();
    std::os::unix::fs::symlink(&there, folder.join("link/.git")).unwrap();
    git(&folder.join("tree"), &["init", "--quiet"]);
    let worktree = outside.display().to_string();
    git(
        &folder.join("tree"),
        &["config", "core.worktree", &worktree],
    );
    // A `.git` of its own, whose objects and branches are those of another repository.
    git(&folder.join("common"), &["init", "--quiet"]);
    fs::write(folder.join("common/.git/commondir"), &there).unwrap();
    let client = serve(&place).await;
    for path in ["file", "link", "tree", "common"] {
        all_refuse(&client, path, "not inside").await;
    }
    assert_eq!(git(&outside, &["rev-parse", "HEAD"]), hash);
}

/// The folder is inside of a repository that it does not contain.
#[tokio::test]
async fn a_repository_around_the_folder_is_not_found() {
    let place = tempfile::tempdir().unwrap();
    init(place.path());
    fs::create_dir_all(place.path().join("folder/plain")).unwrap();
    let client = serve(&place).await;
    for path in [".", "plain"] {
        all_refuse(&client, path, "not a git repository").await;
    }
}

#[tokio::test]
async fn the_folder_and_its_subfolders_are_repositories_too() {
    let place = place();
    let git = Git::new("git".into(), &repo(&place)).unwrap();
    let client = server(git).client().await;
    let absolute = repo(&place).display().to_string();
    for path in [".", "sub", &absolute] {
        let reply = client
            .call("git_status", json!({ "repo_path": path }))
            .await
            .unwrap();
        assert!(
            reply.text().contains("nothing to commit"),
            "{path}: {}",
            reply.text()
        );
    }
}
