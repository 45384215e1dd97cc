//! The consumers of records: the log, a rotated file and a function have the same, and no secret.

#[path = "../logs/capture.rs"]
#[allow(dead_code)] // for the logs of requests
mod capture;

use std::fs;

use capture::Captured;
use mcp_runtime::{
    ApiKey, Audit, Auth, AuthFuture, Authenticate, Credentials, Identity, Principal,
};
use serde_json::{Map, Value, json};

use crate::records::Records;
use crate::server::{KEY, LEGACY, MODERN, TRAP, finish, open, post, request};

/// A token that is its own claims.
struct Tokens;

impl Authenticate for Tokens {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        let is_known = credentials.bearer() == Some("trap-token");
        let claims: Map<String, Value> = Map::from_iter([("secret".to_owned(), json!(TRAP))]);
        let identity = Identity::new(Principal::new("bob")).claims(claims);
        Box::pin(async move { Ok(is_known.then_some(identity)) })
    }
}

/// Returns the lines of all files, from the oldest to the newest.
fn lines(folder: &std::path::Path) -> Vec<Value> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort_by_key(|path| {
        let extension = path.extension().unwrap().to_str().unwrap().to_owned();
        std::cmp::Reverse(extension.parse::<u32>().unwrap_or(0))
    });
    let text: String = paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn all_consumers_have_the_same_records_and_no_secret() {
    let captured = Captured::of("mcp_runtime::audit");
    let _guard = tracing::subscriber::set_default(captured.subscriber());
    let folder = tempfile::tempdir().unwrap();
    let file = Audit::file(folder.path().join("audit.jsonl"))
        .max_bytes(2000)
        .keep(1000);
    let records = Records::default();
    let keys = Auth::api_keys([ApiKey::new("ada", KEY)]);
    let server = open()
        .auth(keys)
        .auth(Tokens)
        .audit(Audit::log())
        .audit(file);
    let service = records.audit(server).into_service().await.unwrap();
    let mut sent = 0;
    for revision in [MODERN, LEGACY] {
        for key in [KEY, "trap-token", "", "trap-unknown"] {
            for tool in [
                "echo",
                "fails",
                "panics",
                "late",
                "log_in",
                "trap-unknown-tool",
            ] {
                let params =
                    json!({ "name": tool, "arguments": { "text": TRAP, "password": TRAP } });
                let call = request(revision, "tools/call", params);
                finish(post(&service, revision, key, &call).await).await;
                sent += 1;
            }
        }
    }
    let (function, file, log) = (records.take(), lines(folder.path()), captured.take());
    assert_eq!((function.len(), log.len()), (sent, sent));
    assert_eq!(function, file);
    assert!(
        fs::read_dir(folder.path()).unwrap().count() > 5,
        "the file was rotated"
    );
    for (record, mut event) in function.into_iter().zip(log) {
        assert_eq!(
            event.remove("message"),
            Some(json!("a request was decided"))
        );
        let mut record = record.as_object().unwrap().clone();
        assert!(record.remove("time").is_some());
        assert_eq!(record, event);
        let text = Value::from(record).to_string();
        assert!(!text.contains("trap"), "{text}");
    }
}
