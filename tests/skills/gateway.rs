//! Skills of upstream servers.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use mcp_runtime::{Revision, Server, Upstream};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{DIGESTS, FORMS, Place, directory, pdf_tools, server, skill, skills, uris};

/// Serves a server over HTTP. Returns its upstream.
async fn serve(server: Server) -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve_listener(listener));
    Upstream::url(format!("http://{address}/mcp")).name("upstream")
}

#[tokio::test]
async fn a_gateway_has_the_skills_of_its_upstream_servers() {
    let upstream = serve(server().with(pdf_tools())).await;
    let gateway = server().with(skill("own")).mount("docs", upstream);
    let client = gateway.connect().await;
    let direct = server().with(pdf_tools()).connect().await;
    let listed = skills(&client).await;
    assert_eq!(
        uris(&listed),
        ["skill://own/SKILL.md", "skill://docs/pdf-tools/SKILL.md"]
    );
    let renamed = skills(&direct).await[0]
        .to_string()
        .replace("skill://", "skill://docs/");
    assert_eq!(listed[1], serde_json::from_str::<Value>(&renamed).unwrap());
    let main = json!({ "uri": "skill://docs/pdf-tools/SKILL.md" });
    let got = client.request("skills/get", main).await.unwrap();
    assert_eq!(got["skill"], listed[1]);
    let root = directory(&client, "skill://docs/pdf-tools").await;
    assert_eq!(
        uris(&root),
        [
            "skill://docs/pdf-tools/SKILL.md",
            "skill://docs/pdf-tools/assets",
            "skill://docs/pdf-tools/references",
        ]
    );
    let forms = client
        .read("skill://docs/pdf-tools/references/forms.md")
        .await;
    assert_eq!(forms.unwrap()[0]["text"], FORMS);
    let logo = client
        .read("skill://docs/pdf-tools/assets/logo.png")
        .await
        .unwrap();
    assert_eq!(
        [&logo[0]["blob"], &logo[0]["mimeType"]],
        ["iVBORwE=", "image/png"]
    );
    let listed = Value::from(client.resources().await.unwrap());
    assert_eq!(
        uris(&listed),
        ["skill://own/SKILL.md", "skill://docs/pdf-tools/SKILL.md"]
    );
}

/// What a scripted server answers: a result, or the status 500.
type Script = Box<dyn Fn(&str) -> Option<Value> + Send + Sync>;

/// Serves a modern server that answers each method as it likes.
async fn scripted(capabilities: Value, script: Script) -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    let answer = post(move |body: String| {
        let request: Value = serde_json::from_str(&body).unwrap();
        let method = request["method"].as_str().unwrap_or_default().to_owned();
        let result = match &*method {
            "server/discover" => Some(json!({
                "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
                "serverInfo": { "name": "scripted", "version": "1" },
            })),
            method => script(method),
        };
        async move {
            if method == "subscriptions/listen" {
                // It never tells a change.
                std::future::pending::<()>().await;
            }
            let mut result = result.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
            result["resultType"] = "complete".into();
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            Ok::<_, StatusCode>(Json(reply))
        }
    });
    let router = Router::new().route("/mcp", answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Upstream::url(format!("http://{address}/mcp")).name("upstream")
}

/// A server must not make skills with a member of its resources that only the gateway sets.
#[tokio::test]
async fn an_upstream_server_without_skills_cannot_make_one() {
    let script = |method: &str| {
        let place =
            json!({ "digest": DIGESTS[0], "is_listed": true, "manifest": [{ "name": "a" }, []] });
        Some(match method {
            "resources/list" => json!({ "resources": [
                { "uri": "skill://a/SKILL.md", "name": "a", "size": 1, "skillFile": place },
            ] }),
            _ => json!({ "resourceTemplates": [] }),
        })
    };
    let upstream = scripted(json!({ "resources": {} }), Box::new(script)).await;
    let gateway = server().with(skill("own")).mount("docs", upstream);
    let client = gateway.connect().await;
    assert_eq!(uris(&skills(&client).await), ["skill://own/SKILL.md"]);
    let listed = Value::from(client.resources().await.unwrap());
    assert_eq!(
        uris(&listed),
        ["skill://own/SKILL.md", "skill://docs/a/SKILL.md"]
    );
}

/// Its resources are not offered as ordinary ones meanwhile: they are read again, as after the failure of another list.
#[tokio::test]
async fn a_failure_of_the_list_of_skills_does_not_last() {
    let failures = AtomicU32::new(0);
    let script = move |method: &str| {
        let uri = "skill://a/SKILL.md";
        Some(match method {
            "skills/list" if failures.fetch_add(1, Ordering::SeqCst) == 0 => return None,
            "skills/list" => json!({ "skills": [{
                "uri": uri, "frontmatter": { "name": "a", "description": "b" },
                "resources": [{ "uri": uri, "digest": DIGESTS[0], "size": 1 }],
            }] }),
            "resources/list" => json!({ "resources": [{ "uri": uri, "name": "a" }] }),
            _ => json!({ "resourceTemplates": [] }),
        })
    };
    let extensions = json!({ "io.modelcontextprotocol/skills": {} });
    let capabilities = json!({ "resources": {}, "extensions": extensions });
    let upstream = scripted(capabilities, Box::new(script)).await;
    let gateway = server().with(skill("own")).mount("docs", upstream);
    let client = gateway.connect().await;
    for _ in 0..200 {
        let listed = skills(&client).await;
        if uris(&listed) == ["skill://own/SKILL.md", "skill://docs/a/SKILL.md"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", skills(&client).await);
}

/// Older servers declare no extensions: a `SKILL.md` of one is an ordinary resource.
#[tokio::test]
async fn an_older_upstream_server_has_resources_only() {
    let upstream = serve(server().with(pdf_tools()))
        .await
        .revision(Revision::V2025_11_25);
    let client = server()
        .with(skill("own"))
        .mount("docs", upstream)
        .connect()
        .await;
    assert_eq!(uris(&skills(&client).await), ["skill://own/SKILL.md"]);
    let listed = Value::from(client.resources().await.unwrap());
    assert_eq!(
        uris(&listed),
        ["skill://own/SKILL.md", "skill://docs/pdf-tools/SKILL.md"]
    );
}

#[tokio::test]
async fn changes_of_an_upstream_server_reach_the_gateway() {
    let place = Place::new();
    let gateway = server().mount("docs", serve(place.server()).await);
    let client = gateway.connect().await;
    assert_eq!(
        skills(&client).await[0]["resources"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    place.write("skills/pdf-tools/new.md", "new");
    fs::remove_file(place.path("skills/pdf-tools/references/forms.md")).unwrap();
    let expected = [
        "skill://docs/pdf-tools/SKILL.md",
        "skill://docs/pdf-tools/new.md",
    ];
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let listed = skills(&client).await;
        if listed.as_array().is_some_and(|it| it.len() == 1)
            && uris(&listed[0]["resources"]) == expected
        {
            return;
        }
    }
    panic!("{}", skills(&client).await);
}
