//! The sessions and questions of a caller, which are unknown to all others.

use mcp_runtime::prelude::*;
use mcp_runtime::{Auth, Claims, Identity, Principal, Revision};
use serde_json::{Map, Value, json};

use crate::fixture::{ADA, BOB, server};
use crate::http::{Client, bearer, exchange, request, start};

#[tokio::test]
async fn a_session_is_unknown_to_other_callers() {
    let address = start(server()).await;
    let client = Client::new(address, Revision::V2025_11_25, ADA).await;
    let session = client.session.clone().unwrap();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let post = |token| {
        client.post(
            "tools/list",
            "",
            &message.to_string(),
            Some(&session),
            &[bearer(token)],
        )
    };
    let bare = |method: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("Accept", "text/event-stream"),
            ("MCP-Protocol-Version", "2025-11-25"),
            ("Mcp-Session-Id", &*session),
            ("Authorization", &*authorization),
        ];
        request(&format!("{method} /mcp"), &headers, "")
    };
    for stranger in [BOB, "token-of-ada"] {
        for bytes in [
            post(stranger),
            bare("GET", stranger),
            bare("DELETE", stranger),
        ] {
            let reply = exchange(address, &bytes).await;
            assert_eq!(reply.status, 404, "{reply:?}");
            assert!(reply.body.contains("unknown or has ended"), "{reply:?}");
        }
    }
    assert_eq!(exchange(address, &post(ADA)).await.status, 200);
    assert_eq!(exchange(address, &bare("DELETE", ADA)).await.status, 204);
    assert_eq!(exchange(address, &post(ADA)).await.status, 404);
}

#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Colour {
    colour: String,
}

/// Ask for a colour.
#[tool]
async fn paint(context: Context) -> Result<String, ToolError> {
    let answer: Colour = context.elicit("Which colour?").await?;
    Ok(answer.colour)
}

#[tokio::test]
async fn the_state_of_a_question_is_unknown_to_other_callers() {
    let keys = Auth::api_keys([("ada", ADA), ("bob", BOB)]);
    let address = start(Server::new("x", "1").with(components![paint]).auth(keys)).await;
    let client = Client::new(address, Revision::LATEST, ADA).await;
    let call = async |token, state: Option<&Value>| {
        let mut params = json!({ "name": "paint", "arguments": {} });
        if let Some(state) = state {
            params["requestState"] = state.clone();
            let answer = json!({ "action": "accept", "content": { "colour": "red" } });
            params["inputResponses"] = json!({ "1": answer });
        }
        client.request("tools/call", params, &[bearer(token)]).await
    };
    let asked = call(ADA, None).await.message();
    let state = &asked["result"]["requestState"];
    assert!(state.is_string(), "{asked}");
    let stolen = call(BOB, Some(state)).await.message();
    assert_eq!(stolen["error"]["code"], -32602, "{stolen}");
    let own = call(ADA, Some(state)).await.message();
    assert_eq!(own.get("error"), None, "{own}");
}

#[derive(serde::Deserialize)]
struct Team {
    team: String,
}

/// Return the caller and its team.
#[tool]
async fn team(caller: Principal, claims: Claims<Team>) -> String {
    format!("{} {}", caller.id(), claims.team)
}

/// The words of a team.
fn words(caller: Principal, claims: Claims<Team>) -> Vec<String> {
    vec![format!("{}-{}", caller.id(), claims.team)]
}

/// Greet.
#[prompt]
async fn greet(#[arg(complete = words)] word: String) -> String {
    word
}

#[tokio::test]
async fn the_caller_and_its_claims_are_parameters_of_handlers_and_functions() {
    let claims = |value: Value| value.as_object().cloned().unwrap_or_default();
    let identified = |claims: Map<String, Value>| {
        let identity = Identity::new(Principal::new("ada")).claims(claims);
        let server = Server::new("x", "1").with(components![team, greet]);
        server.client().identity(identity)
    };
    let client = identified(claims(json!({ "team": "blue" }))).await;
    assert_eq!(
        client.call("team", json!({})).await.unwrap().text(),
        "ada blue"
    );
    let reference = json!({ "type": "ref/prompt", "name": "greet" });
    let params = json!({ "ref": reference, "argument": { "name": "word", "value": "" } });
    let completed = client
        .request("completion/complete", params.clone())
        .await
        .unwrap();
    assert_eq!(completed["completion"]["values"], json!(["ada-blue"]));
    // Claims of another form are refused without being repeated.
    let client = identified(claims(json!({ "team": 4711 }))).await;
    let refused = client
        .call("team", json!({}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("-32600") && !refused.contains("4711"),
        "{refused}"
    );
    let client = Server::new("x", "1")
        .with(components![team, greet])
        .client()
        .await;
    let refused = client
        .call("team", json!({}))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("authenticated caller"), "{refused}");
    assert!(client.request("completion/complete", params).await.is_err());
}
