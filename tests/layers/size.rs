//! The layer `ResponseLimit`: cut results, and spilled ones.

use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ResourceLink, ResponseLimit, Revision};
use serde_json::{Value, json};

use super::peer::{ERAS, Peer, TRANSPORTS, Transport};

/// Return a text of two-byte characters and an image.
#[tool]
async fn text(count: usize) -> (String, Image) {
    ("ä".repeat(count), Image::png(vec![0; 9]))
}

/// Return data.
#[tool]
async fn data(count: usize) -> Json<Vec<usize>> {
    Json((0..count).collect())
}

/// Return links.
#[tool]
async fn links(count: usize) -> Vec<ResourceLink> {
    let link = |number| ResourceLink::new(format!("links://{number}"), "link");
    (0..count).map(link).collect()
}

/// Fail with a long text.
#[tool]
async fn fail(count: usize) -> Result<(), ToolError> {
    Err(ToolError::new("é".repeat(count)))
}

/// A text.
#[resource("size://text/{count}")]
async fn text_of(count: usize) -> String {
    "ö".repeat(count)
}

/// Bytes.
#[resource("size://bytes/{count}")]
async fn bytes_of(count: usize) -> Vec<u8> {
    vec![0; count]
}

/// A long prompt.
#[prompt]
async fn long(count: usize) -> Vec<Message> {
    vec![Message::user("ü".repeat(count)), Message::user("end")]
}

fn components() -> Server {
    Server::new("size", "1").with(components![
        text, data, links, fail, text_of, bytes_of, long
    ])
}

async fn call(peer: &Peer, tool: &str, count: usize) -> Value {
    peer.call(tool, json!({ "count": count })).await["result"].take()
}

fn note(bytes: usize, limit: usize) -> String {
    format!("[cut: the result has {bytes} bytes, and the limit is {limit} bytes]")
}

#[tokio::test]
async fn texts_are_cut_between_characters() {
    for transport in TRANSPORTS {
        for era in ERAS {
            // 12 bytes of the limit are those of the image.
            let server = components().layer(ResponseLimit::new(112));
            let peer = Peer::connect(server, transport, era).await;
            let whole = call(&peer, "text", 50).await;
            assert_eq!(whole["content"][0]["text"], "ä".repeat(50));
            assert_eq!(whole["content"].as_array().unwrap().len(), 2);

            // The text is larger than the limit, so that the image is left out.
            let cut = call(&peer, "text", 57).await;
            assert_eq!(cut["content"][0]["text"], "ä".repeat(56), "{cut}");
            assert_eq!(cut["content"][1]["text"], note(126, 112));
            assert_eq!(cut["content"].as_array().unwrap().len(), 2);
            assert!(cut["isError"].is_null());

            let failed = call(&peer, "fail", 100).await;
            assert_eq!(failed["isError"], true);
            assert_eq!(failed["content"][0]["text"], "é".repeat(56));

            let params = json!({ "uri": "size://text/100" });
            let reply = peer.ask("resources/read", params).await;
            let expected = format!("{}\n{}", "ö".repeat(56), note(200, 112));
            assert_eq!(reply["result"]["contents"][0]["text"], expected);

            let params = json!({ "uri": "size://bytes/100" });
            let reply = peer.ask("resources/read", params).await;
            assert_eq!(reply["error"]["code"], -32603);
            let message = reply["error"]["message"].as_str().unwrap();
            assert!(message.contains(&note(136, 112)), "{message}");

            let params = json!({ "name": "long", "arguments": { "count": "100" } });
            let reply = peer.ask("prompts/get", params).await;
            let messages = &reply["result"]["messages"];
            assert_eq!(messages[0]["content"]["text"], "ü".repeat(56));
            assert_eq!(messages[1]["content"]["text"], note(203, 112));
        }
    }
}

#[tokio::test]
async fn an_odd_limit_does_not_split_a_character() {
    for (limit, kept) in [(9, 4), (10, 5), (1, 0), (0, 0)] {
        let server = components().layer(ResponseLimit::new(limit));
        let peer = Peer::connect(server, Transport::Memory, ERAS[1]).await;
        let params = json!({ "uri": "size://text/100" });
        let reply = peer.ask("resources/read", params).await;
        let text = reply["result"]["contents"][0]["text"].as_str().unwrap();
        let kept = format!("{}\n[cut", "ö".repeat(kept));
        assert!(text.starts_with(&kept), "{limit}: {text}");
    }
}

#[tokio::test]
async fn structured_content_is_sent_whole_or_not_at_all() {
    for era in ERAS {
        let server = components().layer(ResponseLimit::new(400));
        let peer = Peer::connect(server, Transport::Memory, era).await;
        // The data fits, and its text does not fit beside it.
        let cut = call(&peer, "data", 90).await;
        assert_eq!(
            cut["structuredContent"]["result"].as_array().unwrap().len(),
            90
        );
        assert!(
            cut["content"][1]["text"]
                .as_str()
                .unwrap()
                .starts_with("[cut: ")
        );
        assert!(cut["isError"].is_null());
        let refused = call(&peer, "data", 500).await;
        assert!(refused["structuredContent"].is_null());
        assert_eq!(refused["isError"], true);
    }
}

#[tokio::test]
async fn the_default_limit_is_4_mib() {
    let server = components().layer(ResponseLimit::default());
    let peer = Peer::connect(server, Transport::Memory, ERAS[1]).await;
    let half = 2 << 20;
    let whole = call(&peer, "text", half - 6).await;
    assert_eq!(whole["content"].as_array().unwrap().len(), 2);
    let cut = call(&peer, "text", half).await;
    assert_eq!(cut["content"][1]["text"], note((4 << 20) + 12, 4 << 20));
}

fn spilling(ttl: Duration) -> Server {
    let (limit, spilled) = ResponseLimit::new(50).spill(ttl);
    components().layer(limit).with(spilled)
}

/// Calls a tool and returns the link in its result.
async fn link(peer: &Peer, tool: &str) -> String {
    let result = call(peer, tool, 100).await;
    let note = result["content"][0]["text"].as_str().unwrap();
    assert!(note.contains("too large to be sent"), "{note}");
    let link = &result["content"][1];
    assert_eq!(link["type"], "resource_link", "{result}");
    assert_eq!(result["isError"] == true, tool == "data");
    link["uri"].as_str().unwrap().to_owned()
}

async fn read(peer: &Peer, uri: &str) -> Value {
    peer.ask("resources/read", json!({ "uri": uri })).await
}

#[tokio::test]
async fn a_spilled_result_is_read_by_its_link() {
    for transport in TRANSPORTS {
        for era in ERAS {
            let server = spilling(Duration::from_secs(60));
            let peer = Peer::connect(server, transport, era).await;
            let uri = link(&peer, "text").await;
            let id = uri.strip_prefix("spilled://").unwrap();
            assert_eq!(id.len(), 32, "128 bits");
            for _ in 0..2 {
                let reply = read(&peer, &uri).await;
                let contents = &reply["result"]["contents"];
                assert_eq!(contents[0]["text"], "ä".repeat(100), "{reply}");
                assert_eq!(contents[1]["mimeType"], "image/png");
                if era == Revision::V2026_07_28 {
                    assert_eq!(reply["result"]["cacheScope"], "private");
                }
            }
            let uri = link(&peer, "data").await;
            let contents = read(&peer, &uri).await["result"]["contents"].take();
            assert_eq!(contents[1]["mimeType"], "application/json");
            let data: Value = serde_json::from_str(contents[1]["text"].as_str().unwrap()).unwrap();
            assert_eq!(data["result"].as_array().unwrap().len(), 100);
            assert_ne!(link(&peer, "text").await, link(&peer, "text").await);
            let guessed = format!("spilled://{}", "0".repeat(32));
            assert!(read(&peer, &guessed).await["error"].is_object());
        }
    }
}

#[tokio::test]
async fn too_many_links_are_cut_and_not_spilled() {
    for era in ERAS {
        let server = spilling(Duration::from_secs(60));
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let result = call(&peer, "links", 1000).await;
        let blocks = result["content"].as_array().unwrap();
        assert!(blocks.len() < 10, "{} blocks", blocks.len());
        let note = blocks.last().unwrap()["text"].as_str().unwrap();
        assert!(note.starts_with("[cut: the result has "), "{note}");
    }
}

#[tokio::test]
async fn a_link_is_valid_for_its_time() {
    for era in ERAS {
        let ttl = Duration::from_millis(300);
        let peer = Peer::connect(spilling(ttl), Transport::Memory, era).await;
        let uri = link(&peer, "text").await;
        assert!(read(&peer, &uri).await["result"].is_object());
        tokio::time::sleep(ttl).await;
        let reply = read(&peer, &uri).await;
        assert!(reply["error"].is_object(), "{reply}");
    }
}

#[tokio::test]
async fn a_link_belongs_to_its_caller() {
    for era in ERAS {
        let server = spilling(Duration::from_secs(60));
        let service = server.into_service().await.unwrap();
        let ada = Peer::over(&service, era, Some("ada")).await;
        let again = Peer::over(&service, era, Some("ada")).await;
        let bob = Peer::over(&service, era, Some("bob")).await;
        let nobody = Peer::over(&service, era, None).await;
        let uri = link(&ada, "text").await;
        for peer in [&ada, &again] {
            assert!(read(peer, &uri).await["result"].is_object());
        }
        for peer in [&bob, &nobody] {
            let reply = read(peer, &uri).await;
            assert!(reply["error"].is_object(), "{reply}");
            let missing = format!("spilled://{}", "0".repeat(32));
            let unknown = read(peer, &missing).await;
            assert_eq!(reply["error"]["code"], unknown["error"]["code"]);
        }
    }
}

#[tokio::test]
async fn results_that_cannot_be_kept_are_cut() {
    let peer = Peer::connect(
        spilling(Duration::from_secs(60)),
        Transport::Memory,
        ERAS[1],
    )
    .await;
    // 256 MiB are 4 of these.
    let mut links = 0;
    for _ in 0..6 {
        let result = call(&peer, "text", 30 << 20).await;
        if result["content"][1]["type"] == "resource_link" {
            links += 1;
        } else {
            assert_eq!(result["content"][0]["text"], "ä".repeat(25));
        }
    }
    assert_eq!(links, 4);
}
