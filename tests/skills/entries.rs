//! What clients of each revision read of skills.

use mcp_runtime::{CallOutcome, LayeredCall, Next, Resource, Revision, Transform, prelude::*};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::page::row;
use crate::wires::{ALL, ERAS, Host, Who};
use crate::{DIGESTS, FORMS, MAIN, PNG, code, directory, pdf_tools, server, skill, skills, uris};

fn entry() -> Value {
    let file = |path: &str, digest, size: usize| json!({ "uri": format!("skill://pdf-tools/{path}"), "digest": digest, "size": size });
    json!({
        "uri": "skill://pdf-tools/SKILL.md",
        "frontmatter": {
            "name": "pdf-tools", "description": "Fill in PDF forms.", "metadata": { "version": 1.5 }
        },
        "resources": [
            file("SKILL.md", DIGESTS[0], MAIN.len()),
            file("assets/logo.png", DIGESTS[2], PNG.len()),
            file("references/forms.md", DIGESTS[1], FORMS.len()),
        ],
    })
}

#[tokio::test]
async fn an_entry_has_the_frontmatter_and_the_digest_of_each_file() {
    for over in ALL {
        for revision in ERAS {
            let host = Host::of(server().with(pdf_tools()).with(skill("b")), over).await;
            let caller = host.caller(revision, Who::default()).await;
            let listed = caller.request("skills/list", json!({})).await.unwrap();
            assert_eq!(listed["skills"][0], entry(), "{over:?} {revision:?}");
            assert_eq!(listed["skills"].as_array().unwrap().len(), 2);
            let uri = json!({ "uri": "skill://pdf-tools/SKILL.md" });
            let got = caller.request("skills/get", uri).await.unwrap();
            assert_eq!(got["skill"], entry(), "{over:?} {revision:?}");
            assert!(got.get("nextCursor").is_none());
            for result in [&listed, &got] {
                let is_modern = revision == Revision::V2026_07_28;
                assert_eq!(result.get("ttlMs").is_some(), is_modern);
                assert_eq!(result.get("cacheScope").is_some(), is_modern);
            }
        }
    }
}

#[tokio::test]
async fn the_extension_is_declared_in_revisions_that_have_extensions() {
    let declared = |capabilities: &Value| capabilities["extensions"].clone();
    let expected = json!({ "io.modelcontextprotocol/skills": { "directoryRead": true } });
    let client = server().with(pdf_tools()).connect().await;
    let discovered = client.request("server/discover", json!({})).await.unwrap();
    assert_eq!(declared(&discovered["capabilities"]), expected);
    assert!(discovered["capabilities"]["resources"].is_object());
    let none = server()
        .with(Resource::new("a://b", "b", |_, _| async { "text" }))
        .connect()
        .await;
    let discovered = none.request("server/discover", json!({})).await.unwrap();
    assert_eq!(declared(&discovered["capabilities"]), Value::Null);
    for method in ["skills/list", "skills/get", "resources/directory/read"] {
        assert_eq!(code(&none, method, "skill://pdf-tools").await, -32601);
    }
}

#[tokio::test]
async fn files_are_resources_and_only_the_main_ones_are_listed() {
    for revision in ERAS {
        let server = server().with(pdf_tools()).with(skill("acme/refunds"));
        let client = server.connect().revision(revision).await;
        let listed = client.resources().await.unwrap();
        let listed = Value::from(listed);
        let main = [
            "skill://pdf-tools/SKILL.md",
            "skill://acme/refunds/SKILL.md",
        ];
        assert_eq!(uris(&listed), main);
        assert_eq!(
            [
                &listed[0]["name"],
                &listed[0]["description"],
                &listed[0]["mimeType"]
            ],
            ["pdf-tools", "Fill in PDF forms.", "text/markdown"]
        );
        let text = client.read("skill://pdf-tools/SKILL.md").await.unwrap();
        assert_eq!(text[0]["text"], MAIN);
        let forms = client.read("skill://pdf-tools/references/forms.md").await;
        assert_eq!(forms.unwrap()[0]["text"], FORMS);
        let logo = client
            .read("skill://pdf-tools/assets/logo.png")
            .await
            .unwrap();
        assert_eq!(logo[0]["blob"], "iVBORwE=");
        assert_eq!(logo[0]["mimeType"], "image/png");
    }
}

#[tokio::test]
async fn a_directory_has_its_direct_children() {
    let server = server()
        .with(pdf_tools())
        .with(skill("acme/my refunds/refunds").file("a b/ü?{x}.txt", "text"));
    let client = server.connect().await;
    let root = directory(&client, "skill://pdf-tools").await;
    assert_eq!(
        uris(&root),
        [
            "skill://pdf-tools/SKILL.md",
            "skill://pdf-tools/assets",
            "skill://pdf-tools/references"
        ]
    );
    assert_eq!(root[0]["name"], "pdf-tools");
    assert_eq!(
        root[1],
        json!({ "uri": "skill://pdf-tools/assets", "name": "assets", "mimeType": "inode/directory" })
    );
    let inner = directory(&client, "skill://pdf-tools/references").await;
    assert_eq!(
        inner[0],
        json!({
            "uri": "skill://pdf-tools/references/forms.md",
            "name": "forms.md",
            "mimeType": "text/markdown",
            "size": FORMS.len(),
        })
    );
    // A folder of skills, a URI that is written differently, and names that URIs encode.
    assert_eq!(
        uris(&directory(&client, "SKILL://ACME").await),
        ["skill://acme/my%20refunds"]
    );
    let odd = "skill://acme/my%20refunds/refunds/a%20b";
    let file = directory(&client, odd).await;
    assert_eq!(uris(&file), [format!("{odd}/%C3%BC%3F%7Bx%7D.txt")]);
    assert_eq!(file[0]["name"], "ü?{x}.txt");
    assert_eq!(
        client.read(file[0]["uri"].as_str().unwrap()).await.unwrap()[0]["text"],
        "text"
    );
    for wrong in [
        "skill://pdf-tools/SKILL.md",
        "skill://pdf-tools/",
        "skill://pdf",
        "skill://pdf-tools/none",
        "skill://pdf-tools/../..",
        "skill:",
        "",
    ] {
        assert_eq!(
            code(&client, "resources/directory/read", wrong).await,
            -32602,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn lists_have_pages() {
    let names = ["a", "b", "c", "d", "e"];
    let all = names.iter().fold(server(), |it, name| it.with(skill(name)));
    let client = all.with(pdf_tools()).page_size(2).connect().await;
    for (method, uri, member, expected) in [
        ("skills/list", None, "skills", 6_usize),
        (
            "resources/directory/read",
            Some("skill://pdf-tools"),
            "resources",
            3,
        ),
    ] {
        let mut params = uri.map_or(json!({}), |uri| json!({ "uri": uri }));
        let (mut found, mut pages) = (Vec::new(), 0_usize);
        loop {
            let page = client.request(method, params.clone()).await.unwrap();
            let urls = uris(&page[member]).into_iter().map(str::to_owned);
            found.extend(urls);
            pages += 1;
            match page.get("nextCursor") {
                Some(cursor) => params["cursor"] = cursor.clone(),
                None => break,
            }
        }
        found.dedup();
        assert_eq!(
            (found.len(), pages),
            (expected, expected.div_ceil(2)),
            "{method}"
        );
        for cursor in ["x", "c2tpbGxzOjE", "ZGlyZWN0b3J5"] {
            let mut params = params.clone();
            params["cursor"] = cursor.into();
            let page = client.request(method, params).await;
            // A cursor of the other list is not one of this list.
            let is_own = method == "skills/list" && cursor == "c2tpbGxzOjE";
            assert_eq!(page.is_ok(), is_own, "{method} {cursor}");
        }
    }
}

#[tokio::test]
async fn a_page_has_a_limit() {
    let row = row("skills-page").for_all();
    row.says("nextCursor");
    let most = row.number();
    let all = (0..=most).fold(server(), |it, number| it.with(skill(&format!("s{number}"))));
    let client = all.connect().await;
    let page = client.request("skills/list", json!({})).await.unwrap();
    assert_eq!(page["skills"].as_array().unwrap().len(), most);
    let next = json!({ "cursor": page["nextCursor"] });
    let page = client.request("skills/list", next).await.unwrap();
    assert_eq!(uris(&page["skills"]), [format!("skill://s{most}/SKILL.md")]);
}

#[tokio::test]
async fn other_uris_are_no_skills() {
    let plain = Resource::new("plain://x/SKILL.md", "x", |_, _| async { "text" });
    let client = server().with(pdf_tools()).with(plain).connect().await;
    for uri in [
        "skill://none/SKILL.md",
        "skill://pdf-tools",
        "skill://pdf-tools/references/forms.md",
        "plain://x/SKILL.md",
        "",
    ] {
        assert_eq!(code(&client, "skills/get", uri).await, -32602, "{uri}");
    }
}

/// A skill is visible as a whole, or not at all: an entry lists all files.
#[tokio::test]
async fn a_skill_with_a_hidden_file_is_hidden() {
    for hidden in [
        "skill://pdf-tools/SKILL.md",
        "skill://pdf-tools/assets/logo.png",
    ] {
        let visible = server()
            .with(pdf_tools())
            .with(skill("open"))
            .visible(move |_, component| component.name() != hidden);
        let transformed = server()
            .with(pdf_tools())
            .with(skill("open"))
            .transform(Transform::filter(move |it| it.name() != hidden));
        for server in [visible, transformed] {
            let client = server.connect().await;
            assert_eq!(uris(&skills(&client).await), ["skill://open/SKILL.md"]);
            assert_eq!(
                code(&client, "skills/get", "skill://pdf-tools/SKILL.md").await,
                -32602
            );
            let children = directory(&client, "skill://pdf-tools").await;
            assert!(!uris(&children).contains(&hidden));
        }
    }
}

/// Layers run around the three methods as around lists.
#[tokio::test]
async fn layers_see_the_methods() {
    async fn guarded(call: LayeredCall, next: Next) -> CallOutcome {
        if call.arguments()["uri"] == "skill://pdf-tools/SKILL.md" {
            return call.refuse(ToolError::new("not today"));
        }
        let mut outcome = next.run().await;
        outcome.retain_definitions(|it| it["uri"] != "skill://hidden/SKILL.md");
        outcome
    }
    let server = server().with(pdf_tools()).with(skill("hidden"));
    let client = server.with(skill("open")).layer(guarded).connect().await;
    let expected = ["skill://pdf-tools/SKILL.md", "skill://open/SKILL.md"];
    assert_eq!(uris(&skills(&client).await), expected);
    let get = async |uri| code(&client, "skills/get", uri).await;
    assert_eq!(get("skill://pdf-tools/SKILL.md").await, -32603);
    assert_eq!(get("skill://hidden/SKILL.md").await, -32602);
    let open = client.request("skills/get", json!({ "uri": "skill://open/SKILL.md" }));
    assert_eq!(open.await.unwrap()["skill"]["frontmatter"]["name"], "open");
}
