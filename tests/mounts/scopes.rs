//! The scopes of mounted components: callers are authenticated by the outermost server, and what implies a scope is a matter of
//! the server that its component belongs to.

use mcp_runtime::prelude::*;
use mcp_runtime::{ApiKey, Auth, Identity, Principal, Revision};
use serde_json::json;

/// Needs a scope.
#[tool(scopes("write"))]
async fn write() -> &'static str {
    "written"
}

/// Is hidden without a scope.
#[tool(scopes("admin"), hidden)]
async fn admin() -> &'static str {
    "admin"
}

fn server(is_inner_root: bool) -> Server {
    let inner = Server::new("inner", "1").with(components![write, admin]);
    let inner = if is_inner_root {
        inner.implies("root", ["write", "admin"])
    } else {
        inner
    };
    let way = Auth::api_keys([ApiKey::new("ada", "3f2b8c1d9e0a4756f1c8e2d7b6a59034")]);
    Server::new("outer", "1")
        .with(components![write])
        .mount("a", inner)
        .auth(way)
}

#[tokio::test]
async fn scopes_are_those_of_the_server_of_the_component() {
    for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
        for (is_inner_root, scopes, outer, inner, hidden) in [
            (false, vec![], false, false, false),
            (false, vec!["write"], true, true, false),
            (false, vec!["root"], false, false, false),
            (true, vec!["root"], false, true, true),
            (true, vec!["admin"], false, false, true),
        ] {
            let identity = Identity::new(Principal::new("ada")).scopes(scopes.clone());
            let client = server(is_inner_root)
                .client()
                .revision(revision)
                .identity(identity)
                .await;
            assert_eq!(
                client.call("write", json!({})).await.is_ok(),
                outer,
                "{scopes:?}"
            );
            assert_eq!(
                client.call("a_write", json!({})).await.is_ok(),
                inner,
                "{scopes:?}"
            );
            assert_eq!(
                client.call("a_admin", json!({})).await.is_ok(),
                hidden,
                "{scopes:?}"
            );
            let tools = client.tools().await.unwrap();
            let is_listed = tools.iter().any(|it| it["name"] == "a_admin");
            assert_eq!(is_listed, hidden, "{scopes:?}");
        }
    }
}

#[tokio::test]
async fn scopes_without_authentication_are_refused() {
    let inner = Server::new("inner", "1").with(components![write]);
    let outer = Server::new("outer", "1").mount("a", inner);
    let error = outer.client().await.tools().await.unwrap_err().to_string();
    assert!(
        error.contains("in the mounted server `inner`: tool `write` needs the scope"),
        "{error}"
    );
}
