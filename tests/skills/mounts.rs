//! Skills of mounted servers.

use std::fs;
use std::time::Duration;

use mcp_tests::client::Connect as _;
use serde_json::json;

use crate::{FORMS, Place, code, directory, pdf_tools, server, skill, skills, uris};

#[tokio::test(start_paused = true)]
async fn a_mounted_skill_has_the_prefix_before_its_path() {
    let place = Place::new();
    let inner = server().mount("deep", place.server());
    let outer = server()
        .with(skill("own"))
        .mount("docs", inner)
        .mount_without_prefix(server().with(skill("plain")));
    let client = outer.connect().await;
    let root = "skill://docs/deep/pdf-tools";
    let main = format!("{root}/SKILL.md");
    let listed = skills(&client).await;
    assert_eq!(
        uris(&listed),
        ["skill://own/SKILL.md", &main, "skill://plain/SKILL.md"]
    );
    let forms = format!("{root}/references/forms.md");
    assert_eq!(uris(&listed[1]["resources"]), [&main, &forms]);
    assert_eq!(listed[1]["frontmatter"]["name"], "pdf-tools");
    assert_eq!(client.read(&forms).await.unwrap()[0]["text"], FORMS);
    assert_eq!(client.read(&forms).await.unwrap()[0]["uri"], forms);
    let got = client
        .request("skills/get", json!({ "uri": main }))
        .await
        .unwrap();
    assert_eq!(got["skill"], listed[1]);
    assert_eq!(
        uris(&directory(&client, root).await),
        [&main, &format!("{root}/references")]
    );
    assert_eq!(
        code(&client, "skills/get", "skill://pdf-tools/SKILL.md").await,
        -32602
    );

    // Changes reach the clients of the outermost server.
    let filter = json!({ "resourcesListChanged": true, "resourceSubscriptions": [forms] });
    let _listening = client.listen(filter).unwrap();
    client.take_notifications();
    place.write("skills/pdf-tools/references/forms.md", "# Other");
    place.write("skills/pdf-tools/new.md", "new");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told = client.take_notifications();
    assert_eq!(told[0]["method"], "notifications/resources/list_changed");
    assert_eq!(told[1]["params"]["uri"], forms);
    assert_eq!(told.len(), 2, "{told:?}");
    let got = client
        .request("skills/get", json!({ "uri": main }))
        .await
        .unwrap();
    assert_eq!(got["skill"]["resources"].as_array().unwrap().len(), 3);
    assert_eq!(client.read(&forms).await.unwrap()[0]["text"], "# Other");
    fs::remove_dir_all(place.path("skills/pdf-tools")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(skills(&client).await.as_array().unwrap().len(), 2);
}

/// Rules of the mounted server apply to the names there.
#[tokio::test]
async fn a_rule_of_a_mounted_server_hides_its_skills() {
    let inner = server()
        .with(pdf_tools())
        .with(skill("open"))
        .visible(|_, component| component.name() != "skill://pdf-tools/references/forms.md");
    let client = server()
        .with(skill("own"))
        .mount("docs", inner)
        .connect()
        .await;
    let expected = ["skill://own/SKILL.md", "skill://docs/open/SKILL.md"];
    assert_eq!(uris(&skills(&client).await), expected);
}

#[tokio::test]
async fn one_skill_in_two_servers_conflicts() {
    let outer = server()
        .with(pdf_tools())
        .mount_without_prefix(server().with(pdf_tools()));
    let error = outer.start().await.err().unwrap().to_string();
    assert!(
        error.contains("two resources are called `skill://pdf-tools/SKILL.md`"),
        "{error}"
    );
}
