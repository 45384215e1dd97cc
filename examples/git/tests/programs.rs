//! Programs that the configuration and the files of a repository name. None of them may run.

use super::limits::calls;
use super::*;

/// Creates a program that leaves a mark, and returns its path.
#[cfg(unix)]
fn program(place: &TempDir, name: &str) -> (String, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let (path, mark) = (
        place.path().join(name),
        place.path().join(format!("{name}.ran")),
    );
    fs::write(
        &path,
        format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display()),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (path.display().to_string(), mark)
}

/// Changes files, so that every command has something to do.
fn touch(place: &TempDir) {
    for file in ["a.txt", "sub/b.txt"] {
        let path = repo(place).join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + "more\n").unwrap();
    }
}

async fn call_all(client: &Client, place: &TempDir) {
    for (tool, arguments) in calls("repo") {
        if tool == "git_add" {
            touch(place);
        }
        let reply = client.call(tool, arguments).await.unwrap();
        assert!(!reply.is_error(), "{tool}: {}", reply.text());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn hooks_do_not_run() {
    let place = place();
    let hooks = repo(&place).join(".git/hooks");
    let mut marks = Vec::new();
    for hook in [
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ] {
        let (path, mark) = program(&place, hook);
        fs::create_dir_all(&hooks).unwrap();
        fs::copy(path, hooks.join(hook)).unwrap();
        marks.push(mark);
    }
    let client = serve(&place).await;
    call_all(&client, &place).await;
    assert!(marks.iter().all(|mark| !mark.exists()), "{marks:?}");
    // The control: the same hooks run for a user.
    touch(&place);
    git(
        &repo(&place),
        &["commit", "--quiet", "--all", "--message=x"],
    );
    assert!(marks.iter().filter(|mark| mark.exists()).count() >= 5);
}

/// Settings of a repository that run a program, and a command of a user that shows it.
#[cfg(unix)]
const SETTINGS: [(&str, &str, &[&str]); 9] = [
    ("core.fsmonitor", "", &["status"]),
    ("diff.external", "", &["diff"]),
    ("diff.mine.command", "* diff=mine", &["diff"]),
    ("diff.mine.textconv", "* diff=mine", &["diff"]),
    ("filter.mine.clean", "* filter=mine", &["add", "."]),
    ("filter.a=b.clean", "* filter=a=b", &["add", "."]),
    (
        "filter.Mine.smudge",
        "* filter=Mine",
        &["checkout", "--", "a.txt"],
    ),
    (
        "core.editor",
        "",
        &["commit", "--all", "--edit", "--message=x"],
    ),
    ("core.hooksPath", "", &["commit", "--all", "--message=x"]),
];

#[cfg(unix)]
#[tokio::test]
async fn programs_of_the_configuration_do_not_run() {
    for (setting, attributes, of_a_user) in SETTINGS {
        let place = place();
        let (path, mark) = program(&place, "program");
        let value = if setting == "core.hooksPath" {
            let hooks = place.path().join("hooks");
            fs::create_dir(&hooks).unwrap();
            fs::copy(&path, hooks.join("pre-commit")).unwrap();
            hooks.display().to_string()
        } else {
            path
        };
        git(&repo(&place), &["config", setting, &value]);
        fs::write(repo(&place).join(".git/info/attributes"), attributes).unwrap();
        touch(&place);
        let client = serve(&place).await;
        call_all(&client, &place).await;
        assert!(!mark.exists(), "{setting}");
        // The control: the setting runs the program for a user.
        touch(&place);
        git(&repo(&place), of_a_user);
        assert!(mark.exists(), "{setting} has no effect for a user either");
    }
}

/// A filter that is required and turned off must not make a command fail. A setting in an included file counts too.
#[cfg(unix)]
#[tokio::test]
async fn a_required_filter_of_an_included_file_does_not_run() {
    let place = place();
    let (path, mark) = program(&place, "program");
    let config =
        format!("[filter \"x\"]\n\tclean = {path}\n\tprocess = {path}\n\trequired = true\n");
    fs::write(repo(&place).join("more.config"), config).unwrap();
    git(&repo(&place), &["config", "include.path", "../more.config"]);
    fs::write(repo(&place).join(".gitattributes"), "*.txt filter=x\n").unwrap();
    touch(&place);
    let client = serve(&place).await;
    call_all(&client, &place).await;
    assert!(!mark.exists());
}
