//! Certificates together with other credentials, and what depends on the scheme.

use mcp_runtime::{ApiKey, Auth, Revision};
use serde_json::json;

use crate::authority::Authority;
use crate::fixture::{ADA, Tokens, components};
use crate::http::{Client, bearer};
use crate::secure::{get, start_encrypted, tunnel, tunnel_with};

#[tokio::test]
async fn the_first_way_that_recognises_the_credentials_decides() {
    let authority = Authority::new("ca");
    let own = authority.client(&["cn:certified"]);
    let certificate = || Auth::mutual_tls(authority.file());
    let key = || Auth::api_keys([ApiKey::new("ada", ADA)]);
    for (server, of_both) in [
        (components().auth(certificate()).auth(key()), "cn:certified"),
        (components().auth(key()).auth(certificate()), "ada"),
    ] {
        let server = start_encrypted(&authority, server).await;
        let plain = tunnel(server, authority.client_config(None)).await;
        let certified = tunnel_with(server, &authority, &own).await;
        for (address, token, expected) in [
            (certified, None, Some("cn:certified")),
            (plain, Some(ADA), Some("ada")),
            (certified, Some(ADA), Some(of_both)),
            (plain, None, None),
            (plain, Some("unknown"), None),
        ] {
            let client = Client {
                address,
                revision: Revision::LATEST,
                session: None,
            };
            let params = json!({ "name": "who", "arguments": {} });
            let headers: Vec<_> = token.map(bearer).into_iter().collect();
            let reply = client.request("tools/call", params, &headers).await;
            match expected {
                Some(caller) => assert!(reply.body.contains(caller), "{reply:?}"),
                None => assert_eq!(reply.status, 401, "{reply:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_url_of_the_resource_has_the_scheme_of_the_connection() {
    let authority = Authority::new("ca");
    let server = start_encrypted(&authority, components().auth(Tokens)).await;
    let config = || authority.client_config(None);
    let refused = get(server, config(), "/mcp").await;
    let metadata = &refused.challenge()["resource_metadata"];
    let well_known = "/.well-known/oauth-protected-resource/mcp";
    assert_eq!(*metadata, format!("https://localhost{well_known}"));
    let metadata = get(server, config(), well_known).await.message();
    assert_eq!(metadata["resource"], "https://localhost/mcp");
}
