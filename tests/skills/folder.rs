//! Folders of skills: what is served of them, and traps that lead out of them.

use mcp_runtime::Server;
use mcp_tests::client::Connect as _;
use serde_json::Value;

use crate::{Place, code, directory, main_file, skills, uris};

#[tokio::test]
async fn folders_without_a_main_file_group_skills_and_hidden_files_are_left_out() {
    let place = Place::new();
    place.write("skills/acme/billing/refunds/SKILL.md", main_file("refunds"));
    place.write("skills/acme/notes.txt", "not of a skill");
    place.write("skills/pdf-tools/.git/config", "hidden");
    place.write("skills/pdf-tools/.env", "hidden");
    place.write(
        "skills/pdf-tools/inner/SKILL.md",
        "no frontmatter: an ordinary file",
    );
    place.write("skills/.cache/x/SKILL.md", main_file("x"));
    let client = place.server().connect().await;
    let listed = skills(&client).await;
    let expected = [
        "skill://acme/billing/refunds/SKILL.md",
        "skill://pdf-tools/SKILL.md",
    ];
    assert_eq!(uris(&listed), expected);
    assert_eq!(
        uris(&listed[1]["resources"]),
        [
            "skill://pdf-tools/SKILL.md",
            "skill://pdf-tools/inner/SKILL.md",
            "skill://pdf-tools/references/forms.md",
        ]
    );
    assert_eq!(
        code(&client, "resources/read", "skill://pdf-tools/.env").await,
        -32602
    );
    let nested = "skill://pdf-tools/inner/SKILL.md";
    assert_eq!(code(&client, "skills/get", nested).await, -32602);
    assert_eq!(
        client.read(nested).await.unwrap()[0]["text"],
        "no frontmatter: an ordinary file"
    );
}

/// Returns all that a server shows of its skills, and the content of each file that it lists.
async fn everything(server: Server) -> String {
    let client = server.connect().await;
    let listed = skills(&client).await;
    let mut all = listed.to_string();
    for skill in listed.as_array().unwrap() {
        for uri in uris(&skill["resources"]) {
            all += &Value::from(client.read(uri).await.unwrap()).to_string();
        }
        let uri = skill["uri"].as_str().unwrap();
        let root = uri.strip_suffix("/SKILL.md").unwrap();
        all += &directory(&client, root).await.to_string();
    }
    all
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_within_the_folder_only() {
    use std::os::unix::fs::symlink;

    let place = Place::new();
    place.write("secret/key.md", "SECRET");
    place.write("secret/trap/SKILL.md", main_file("trap"));
    place.write("skills/shared/SKILL.md", main_file("shared"));
    place.write("skills/shared/common.md", "COMMON");
    let link = |target: &str, at: &str| symlink(target, place.path(at)).unwrap();
    let absolute = place.path("secret/key.md");
    // These lead out of the folder.
    link("../../secret/key.md", "skills/pdf-tools/relative.md");
    link(absolute.to_str().unwrap(), "skills/pdf-tools/absolute.md");
    link("../../secret", "skills/pdf-tools/folder");
    link("relative.md", "skills/pdf-tools/chain.md");
    link("../secret/trap", "skills/trap");
    link("/proc/self/environ", "skills/pdf-tools/environ");
    link("/dev/zero", "skills/pdf-tools/zero");
    link("/", "skills/pdf-tools/root");
    // These lead nowhere, or around.
    link("none", "skills/pdf-tools/dangling.md");
    link("self.md", "skills/pdf-tools/self.md");
    link("..", "skills/pdf-tools/around");
    // These stay inside.
    link("../shared/common.md", "skills/pdf-tools/common.md");
    link("../shared", "skills/pdf-tools/all");
    let all = everything(place.server()).await;
    assert!(!all.contains("SECRET") && !all.contains("trap"), "{all}");
    for left_out in [
        "relative", "absolute", "folder", "chain", "environ", "zero", "root", "dangling", "self",
        "around",
    ] {
        assert!(
            !all.contains(&format!("pdf-tools/{left_out}")),
            "{left_out}: {all}"
        );
    }
    assert!(all.contains("skill://pdf-tools/common.md"), "{all}");
    assert!(all.contains("skill://pdf-tools/all/common.md"), "{all}");
    assert!(all.contains("COMMON"));
}

#[cfg(unix)]
#[tokio::test]
async fn pipes_and_sockets_are_left_out() {
    let place = Place::new();
    let pipe = place.path("skills/pdf-tools/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let socket = place.path("skills/pdf-tools/socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let all = everything(place.server()).await;
    assert!(!all.contains("pipe") && !all.contains("socket"), "{all}");
    assert!(all.contains("forms.md"));
}

/// Two folders that link to each other end the walk with a problem, not without an end.
#[cfg(unix)]
#[tokio::test]
async fn folders_that_lead_to_each_other_are_a_problem() {
    use std::os::unix::fs::symlink;

    let place = Place::new();
    place.write("skills/pdf-tools/a/x", "");
    place.write("skills/pdf-tools/b/x", "");
    symlink("../b", place.path("skills/pdf-tools/a/b")).unwrap();
    symlink("../a", place.path("skills/pdf-tools/b/a")).unwrap();
    let error = place.server().start().await.err().unwrap().to_string();
    assert!(error.contains("is more than 16 folders deep"), "{error}");
}
