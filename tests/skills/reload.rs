//! Changes of a folder while the server runs.

use std::fs;
use std::time::Duration;

use mcp_runtime::Server;
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

use crate::page::row;
use crate::{FORMS, MAIN, Place, code, directory, main_file, server, skills, uris};

const MAIN_URI: &str = "skill://pdf-tools/SKILL.md";
const FORMS_URI: &str = "skill://pdf-tools/references/forms.md";

/// Waits until the server has looked at its folder; the clock of the runtime is paused.
async fn look() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

/// Returns the notifications since the last call, as methods and URIs.
fn heard(client: &Client) -> Vec<String> {
    let all = client.take_notifications();
    let text = |it: &Value| {
        let method = it["method"].as_str().unwrap();
        let uri = it["params"]["uri"].as_str();
        method.to_owned() + &uri.map_or(String::new(), |uri| format!(" {uri}"))
    };
    let mut heard: Vec<String> = all.iter().map(text).collect();
    heard.retain(|it| !it.contains("acknowledged"));
    heard
}

async fn listening(server: Server, uris: &[&str]) -> (Client, mcp_runtime::ClientListening) {
    let client = server.connect().await;
    let filter = json!({ "resourcesListChanged": true, "resourceSubscriptions": uris });
    let listening = client.listen(filter).unwrap();
    heard(&client);
    (client, listening)
}

const LIST: &str = "notifications/resources/list_changed";

fn updated(uri: &str) -> String {
    format!("notifications/resources/updated {uri}")
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_served_and_told() {
    let place = Place::new();
    let (client, _listening) = listening(place.server(), &[MAIN_URI, FORMS_URI]).await;
    let before = skills(&client).await;
    look().await;
    assert!(heard(&client).is_empty(), "nothing has changed");

    place.write("skills/pdf-tools/references/forms.md", "# Other");
    look().await;
    assert_eq!(heard(&client), [LIST, &updated(FORMS_URI)]);
    let after = skills(&client).await;
    assert_eq!(client.read(FORMS_URI).await.unwrap()[0]["text"], "# Other");
    assert_eq!(after[0]["resources"][0], before[0]["resources"][0]);
    assert_ne!(
        after[0]["resources"][1]["digest"],
        before[0]["resources"][1]["digest"]
    );
    assert_eq!(after[0]["resources"][1]["size"], 7);

    // A change of the same length and an added file.
    place.write("skills/pdf-tools/references/forms.md", "# Third");
    place.write("skills/pdf-tools/new/file.md", "new");
    look().await;
    assert_eq!(heard(&client), [LIST, &updated(FORMS_URI)]);
    assert_eq!(client.read(FORMS_URI).await.unwrap()[0]["text"], "# Third");
    assert_eq!(
        client.read("skill://pdf-tools/new/file.md").await.unwrap()[0]["text"],
        "new"
    );
    assert_eq!(
        skills(&client).await[0]["resources"]
            .as_array()
            .unwrap()
            .len(),
        3
    );

    // A removed file.
    fs::remove_dir_all(place.path("skills/pdf-tools/new")).unwrap();
    look().await;
    assert_eq!(heard(&client), [LIST]);
    assert_eq!(
        code(&client, "resources/read", "skill://pdf-tools/new/file.md").await,
        -32602
    );
    assert_eq!(
        directory(&client, "skill://pdf-tools")
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );

    // Other frontmatter.
    place.write("skills/pdf-tools/SKILL.md", MAIN.replace("Fill in", "Sign"));
    look().await;
    assert_eq!(heard(&client), [LIST, &updated(MAIN_URI)]);
    assert_eq!(
        skills(&client).await[0]["frontmatter"]["description"],
        "Sign PDF forms."
    );
    assert_eq!(
        client.resources().await.unwrap()[0]["description"],
        "Sign PDF forms."
    );
}

#[tokio::test(start_paused = true)]
async fn the_folder_is_looked_at_in_intervals() {
    let row = row("skills-look").for_all();
    row.says("changes are served then");
    let place = Place::new();
    let (client, _listening) = listening(place.server(), &[]).await;
    place.write("skills/other/SKILL.md", main_file("other"));
    tokio::time::sleep(row.time().mul_f64(0.95)).await;
    assert_eq!(skills(&client).await.as_array().unwrap().len(), 1);
    tokio::time::sleep(row.time().mul_f64(0.1)).await;
    assert_eq!(skills(&client).await.as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn skills_come_and_go() {
    let place = Place::new();
    let (client, _listening) = listening(place.server(), &[]).await;
    place.write("skills/other/SKILL.md", main_file("other"));
    look().await;
    assert_eq!(heard(&client), [LIST]);
    let both = [MAIN_URI, "skill://other/SKILL.md"];
    assert_eq!(uris(&skills(&client).await), both);
    fs::remove_dir_all(place.path("skills/pdf-tools")).unwrap();
    look().await;
    assert_eq!(heard(&client), [LIST]);
    assert_eq!(uris(&skills(&client).await), ["skill://other/SKILL.md"]);
    fs::remove_dir_all(place.path("skills/other")).unwrap();
    look().await;
    assert_eq!(heard(&client), [LIST]);
    // Clients know the capability, and ask further.
    assert_eq!(skills(&client).await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_broken_edit_keeps_the_last_good_version() {
    let place = Place::new();
    let (client, _listening) = listening(place.server(), &[MAIN_URI, FORMS_URI]).await;
    let good = skills(&client).await;
    for broken in [
        "",
        "# no frontmatter",
        "---\nname: [\n---\n",
        "---\nname: pdf\ndescription: x\n---\n",
    ] {
        place.write("skills/pdf-tools/SKILL.md", broken);
        place.write("skills/pdf-tools/references/forms.md", broken);
        look().await;
        assert_eq!(heard(&client), [""; 0], "{broken}");
        assert_eq!(skills(&client).await, good, "{broken}");
        assert_eq!(client.read(MAIN_URI).await.unwrap()[0]["text"], MAIN);
        assert_eq!(client.read(FORMS_URI).await.unwrap()[0]["text"], FORMS);
    }
    place.write("skills/pdf-tools/SKILL.md", MAIN);
    look().await;
    assert_eq!(heard(&client), [LIST, &updated(FORMS_URI)]);
    // The whole folder is away for a while.
    fs::rename(place.skills(), place.path("away")).unwrap();
    look().await;
    assert_eq!(uris(&skills(&client).await), [MAIN_URI]);
    fs::rename(place.path("away"), place.skills()).unwrap();
    look().await;
    assert_eq!(heard(&client), [""; 0]);
}

/// A link that is made while the server runs is a trap as before.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn links_out_of_the_folder_are_not_followed_later() {
    let place = Place::new();
    place.write("secret.md", "SECRET");
    let (client, _listening) = listening(place.server(), &[FORMS_URI]).await;
    let forms = place.path("skills/pdf-tools/references/forms.md");
    fs::remove_file(&forms).unwrap();
    std::os::unix::fs::symlink(place.path("secret.md"), &forms).unwrap();
    look().await;
    assert_eq!(heard(&client), [LIST]);
    assert_eq!(code(&client, "resources/read", FORMS_URI).await, -32602);
    assert_eq!(uris(&skills(&client).await[0]["resources"]), [MAIN_URI]);
}

/// A new skill whose name another component has is not served, and is served once it is free.
#[tokio::test(start_paused = true)]
async fn a_conflict_leaves_the_other_component() {
    let place = Place::new();
    let server = place.server().with(crate::skill("taken"));
    let handle = server.handle();
    let (client, _listening) = listening(server, &[]).await;
    place.write(
        "skills/taken/SKILL.md",
        "---\nname: taken\ndescription: Of the folder.\n---\n",
    );
    look().await;
    let description = async || skills(&client).await[1]["frontmatter"]["description"].clone();
    assert_eq!(description().await, "About taken.");
    assert!(handle.remove_resource("skill://taken/SKILL.md"));
    place.write("skills/taken/more.md", "");
    look().await;
    assert_eq!(description().await, "Of the folder.");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_server_does_not_look() {
    let place = Place::new();
    let server = server().skills(place.skills());
    let handle = server.handle();
    let (client, _listening) = listening(server, &[]).await;
    handle.stop().await;
    place.write("skills/pdf-tools/references/forms.md", "# Other");
    look().await;
    assert!(client.request("skills/list", json!({})).await.is_err());
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        0
    );
}
