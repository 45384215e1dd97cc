//! Changes at an upstream server that the clients of the gateway learn.

use mcp_runtime::Revision;
use serde_json::{Value, json};

use super::peer::{Peer, until};
use super::places::{ALL, ERAS, Over, gateway, upstream};

struct Case {
    name: String,
    peer: Peer,
}

async fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for over in ALL {
        for of_upstream in ERAS {
            for of_client in ERAS {
                cases.push(Case::of(over, of_upstream, of_client).await);
            }
        }
    }
    cases
}

impl Case {
    async fn of(over: Over, of_upstream: Revision, of_client: Revision) -> Self {
        let gateway = gateway(upstream(over, of_upstream).await).await;
        Self {
            name: format!("{over:?}, {of_upstream:?}, {of_client:?}"),
            peer: Peer::connect(&gateway, of_client, |_| None).await,
        }
    }

    /// Listens, if the client is of an era in which it must say so.
    async fn listen(&self, filter: Value) {
        if self.peer.is_modern() {
            let _reply = self
                .peer
                .start("subscriptions/listen", json!({ "notifications": filter }));
            self.peer
                .wait_for("notifications/subscriptions/acknowledged")
                .await;
        }
    }
}

#[tokio::test]
async fn components_come_and_go_with_those_of_the_server() {
    for case in cases().await {
        let (name, peer) = (&case.name, &case.peer);
        case.listen(json!({ "toolsListChanged": true })).await;
        let has = async |tool: &str| peer.tools().await.iter().any(|name| name == tool);
        assert!(!has("up_late").await, "{name}");
        peer.call("up_grow", json!({ "name": "late" }))
            .await
            .unwrap();
        until(name, async || has("up_late").await).await;
        peer.wait_for("notifications/tools/list_changed").await;
        assert_eq!(
            peer.call("up_late", json!({})).await.as_deref(),
            Ok("grown"),
            "{name}"
        );
        peer.call("up_shrink", json!({ "name": "late" }))
            .await
            .unwrap();
        until(name, async || !has("up_late").await).await;
        assert!(peer.call("up_late", json!({})).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn changes_of_resources_reach_those_who_subscribed() {
    for case in cases().await {
        let (name, peer) = (&case.name, &case.peer);
        let uri = "text://up/readme";
        if peer.is_modern() {
            case.listen(json!({ "resourceSubscriptions": [uri] })).await;
        } else {
            peer.request("resources/subscribe", json!({ "uri": uri }))
                .await
                .unwrap();
        }
        let is_heard = async || {
            // The subscription at the server is made later.
            peer.call("up_announce", json!({ "what": "text://readme" }))
                .await
                .unwrap();
            !peer.heard("notifications/resources/updated").is_empty()
        };
        until(name, is_heard).await;
        let heard = peer.heard("notifications/resources/updated");
        assert!(
            heard.iter().all(|it| it["params"]["uri"] == uri),
            "{name}: {heard:?}"
        );
    }
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_told_too() {
    for case in cases().await {
        let (name, peer) = (&case.name, &case.peer);
        case.listen(json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        }))
        .await;
        for what in ["tools", "prompts", "resources"] {
            let method = format!("notifications/{what}/list_changed");
            let is_heard = async || {
                peer.call("up_announce", json!({ "what": what }))
                    .await
                    .unwrap();
                !peer.heard(&method).is_empty()
            };
            until(&format!("{name}: {what}"), is_heard).await;
        }
    }
}
