//! Versions that need scopes.

use mcp_runtime::{ApiKey, Auth};
use serde_json::json;

use crate::list;
use crate::versions::{ask, tool, versioned};
use crate::wires::{ERAS, Host, Over};

/// A caller has the highest version whose scopes it has.
#[tokio::test]
async fn a_version_whose_scopes_the_caller_lacks_is_not_its_highest() {
    const KEYS: [&str; 2] = [
        "0123456789abcdef-0123456789abcdef",
        "fedcba9876543210-fedcba9876543210",
    ];
    let keys = [
        ApiKey::new("ada", KEYS[0]),
        ApiKey::new("root", KEYS[1]).scope("new"),
    ];
    let server = versioned()
        .with(tool("2").scope("new"))
        .auth(Auth::api_keys(keys));
    let host = Host::of(server, Over::Http).await;
    for era in ERAS {
        for (header, highest) in [
            ("Bearer 0123456789abcdef-0123456789abcdef", "1.10"),
            ("Bearer fedcba9876543210-fedcba9876543210", "2"),
        ] {
            let caller = host
                .caller(era, crate::wires::header("Authorization", header))
                .await;
            let listed = list(&caller, "tools/list", "tools").await;
            assert_eq!(listed[0]["_meta"]["version"], highest, "{listed:?}");
            assert_eq!(listed.len(), 1);
            assert_eq!(caller.call("calc", json!({})).await.unwrap(), highest);
            // The caller sees the other version, so that it is told which scope it lacks.
            let call = json!({ "name": "calc", "arguments": {} });
            let asked = ask(&caller, "tools/call", call, Some("2")).await;
            match asked {
                Ok(_) => assert_eq!(highest, "2"),
                Err((code, error)) => assert!(code == -32600 && error.contains("`new`"), "{error}"),
            }
        }
    }
}
