//! Transforms of the components of upstream servers.

use mcp_runtime::{Server, Transform};
use serde_json::json;

use super::peer::{Peer, says};
use super::places::{ALL, ERAS, upstream};

#[tokio::test]
async fn the_arguments_of_an_upstream_tool_have_the_names_and_values_of_transforms() {
    for over in ALL {
        for of_upstream in ERAS {
            for of_client in ERAS {
                let case = format!("{over:?}, {of_upstream:?}, {of_client:?}");
                let renamed = Transform::tool("up_echo_owned")
                    .later()
                    .rename("say")
                    .rename_argument("text", "words");
                let fixed = Transform::tool("up_echo_borrowed")
                    .later()
                    .fix_argument("text", "always the same");
                let gateway = Server::new("gateway", "1.0.0")
                    .mount("up", upstream(over, of_upstream).await)
                    .transform(renamed)
                    .transform(fixed);
                let gateway = gateway.start().await.unwrap();
                let peer = Peer::connect(&gateway, of_client, says("Ada")).await;
                let said = peer.call("say", json!({ "words": "hello" })).await;
                assert_eq!(said.as_deref(), Ok("hello"), "{case}");
                let own_name = peer.call("say", json!({ "text": "hello" })).await;
                assert!(own_name.is_err(), "{case}: {own_name:?}");
                let same = peer.call("up_echo_borrowed", json!({})).await;
                assert_eq!(same.as_deref(), Ok("always the same"), "{case}");
                assert!(
                    peer.call("up_echo_owned", json!({ "text": "" }))
                        .await
                        .is_err(),
                    "{case}"
                );
            }
        }
    }
}
