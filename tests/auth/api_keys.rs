//! API keys from a list, a file and the environment.

use std::io::Write as _;

use mcp_runtime::{ApiKeys, Auth, Revision};
use serde_json::json;

use crate::fixture::{ADA, BOB, components};
use crate::http::{Client, bearer, start};

/// Returns the problems of a server with these keys.
async fn problems(keys: ApiKeys) -> String {
    let built = components().auth(keys).start().await;
    built.map(drop).unwrap_err().to_string()
}

async fn is_accepted(keys: ApiKeys, key: &str) -> bool {
    let address = start(components().auth(keys)).await;
    let client = Client {
        address,
        revision: Revision::V2026_07_28,
        session: None,
    };
    let params = json!({ "name": "open" });
    let reply = client.request("tools/call", params, &[bearer(key)]).await;
    assert!([200, 401].contains(&reply.status), "{reply:?}");
    reply.status == 200
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn keys_come_from_a_list_or_a_file() {
    let keys = file(&format!("# keys\n\nada  {ADA}  calendar:read\n"));
    let of_file = || Auth::api_keys_from_file(keys.path());
    let of_list = || Auth::api_keys([("ada", ADA)]);
    for (key, accepted) in [(ADA, true), (BOB, false)] {
        assert_eq!(is_accepted(of_list(), key).await, accepted);
        assert_eq!(is_accepted(of_file(), key).await, accepted);
    }
}

#[tokio::test]
async fn problems_name_the_place_and_not_the_key() {
    let weak = file(&format!("ada {ADA}\nbob short\n"));
    for (keys, parts) in [
        (
            Auth::api_keys([("ada", "hunter2")]),
            &["the API key number 1", "weak", "openssl"][..],
        ),
        (
            Auth::api_keys([("ada", ADA), ("bob", ADA)]),
            &["the API key number 2 occurs twice"],
        ),
        (
            Auth::api_keys([("", ""); 0]),
            &["`Auth::api_keys` has no key"],
        ),
        (Auth::api_keys([("", ADA)]), &["the principal is empty"]),
        (
            Auth::api_keys_from_file(weak.path()),
            &["line 2", "weak", weak.path().to_str().unwrap()],
        ),
        (
            Auth::api_keys_from_file("/nowhere/keys"),
            &["`/nowhere/keys` cannot be read"],
        ),
        (
            Auth::api_keys_from_env("MCP_TEST_NO_SUCH_VARIABLE"),
            &["the variable MCP_TEST_NO_SUCH_VARIABLE with API keys cannot be read"],
        ),
    ] {
        let problems = problems(keys).await;
        for part in parts {
            assert!(problems.contains(part), "{problems}");
        }
        assert!(!problems.contains("hunter2") && !problems.contains(ADA));
    }
}
