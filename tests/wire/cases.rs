//! Runs the table of cases: each case in all its revisions, over every transport.
//!
//! A case has a `method`, `params` and the expected outcome: `result` (exact, without the members that the era adds to
//! every result), or `result_by` with one result for some revisions and `*` for the others, or `error` with its `code`
//! and a part of its `message`. `cache` is the caching of a modern result. `revisions` is a list of names, `modern` or
//! `legacy`; without it the case applies to all revisions.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::connection::{Connection, MODERN, Outcome, Transport, revisions};

/// All cases of all files.
fn table() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("wire/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut table = Vec::new();
    for file in files {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        table.extend(
            cases
                .into_iter()
                .map(|case| (format!("{stem}: {}", case["name"].as_str().unwrap()), case)),
        );
    }
    table
}

fn is_for(case: &Value, revision: &str) -> bool {
    match &case["revisions"] {
        Value::Null => true,
        Value::String(era) => (era == "modern") == (revision == MODERN),
        names => names
            .as_array()
            .unwrap()
            .iter()
            .any(|name| name == revision),
    }
}

fn run(transport: Transport) {
    let table = table();
    let mut checked = 0;
    for revision in revisions() {
        let mut connection = Connection::open(transport, revision);
        for (name, case) in table.iter().filter(|(_, case)| is_for(case, revision)) {
            let place = format!("{name} ({revision}, {transport:?})");
            let method = case["method"].as_str().unwrap();
            let params = case.get("params").cloned().unwrap_or_else(|| json!({}));
            let outcome = connection.request(method, params);
            check_hints(&place, revision, method, &outcome);
            check(&place, revision, case, outcome);
            checked += 1;
        }
    }
    eprintln!("{checked} cases over {transport:?}");
    assert!(checked > 150, "only {checked} cases were checked");
}

/// A cacheable result has `ttlMs` and `cacheScope` in the revision that supports them; no other result has them.
fn check_hints(place: &str, revision: &str, method: &str, outcome: &Outcome) {
    let Some(result) = outcome.reply.as_ref().and_then(|reply| reply.get("result")) else {
        return;
    };
    let kept = matches!(
        method,
        "server/discover"
            | "tools/list"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
    ) && revision == MODERN;
    assert_eq!(result["ttlMs"].is_u64(), kept, "{place}: {result}");
    let scope = result["cacheScope"].as_str();
    assert_eq!(
        scope.is_some_and(|scope| matches!(scope, "public" | "private")),
        kept,
        "{place}: {result}"
    );
}

fn check(place: &str, revision: &str, case: &Value, outcome: Outcome) {
    let reply = outcome.reply.unwrap_or_else(|| panic!("{place}: no reply"));
    if let Some(error) = case.get("error") {
        let code = error
            .get("code_by")
            .map_or(&error["code"], |codes| by(codes, revision));
        assert_eq!(&reply["error"]["code"], code, "{place}: {reply}");
        let message = reply["error"]["message"].as_str().unwrap();
        let part = error["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(part),
            "{place}: {message:?} does not say {part:?}"
        );
        if let Some(data) = error.get("data") {
            assert_eq!(&reply["error"]["data"], data, "{place}");
        }
    } else {
        let expected = case
            .get("result")
            .unwrap_or_else(|| by(&case["result_by"], revision));
        assert_eq!(
            &without_era(place, revision, &reply["result"]),
            expected,
            "{place}: {reply}"
        );
    }
    if let Some(cache) = case.get("cache").filter(|_| revision == MODERN) {
        for name in ["ttlMs", "cacheScope"] {
            assert_eq!(reply["result"][name], cache[name], "{place}");
        }
    }
    if let Some(status) = outcome.status {
        let expected = case
            .get("status")
            .filter(|_| revision == MODERN)
            .map_or(200, |status| status.as_u64().unwrap());
        assert_eq!(u64::from(status), expected, "{place}: {reply}");
    }
    let notifications = case
        .get("notifications")
        .cloned()
        .unwrap_or_else(|| json!([]));
    let received: Vec<Value> = outcome
        .notifications
        .iter()
        .map(|one| one["params"].clone())
        .collect();
    assert_eq!(json!(received), notifications, "{place}");
}

/// The member for a revision, or the one for all others.
fn by<'a>(members: &'a Value, revision: &str) -> &'a Value {
    members.get(revision).unwrap_or(&members["*"])
}

/// Removes the members that the era adds to every result. They must exist in that era, and must not exist in others.
fn without_era(place: &str, revision: &str, result: &Value) -> Value {
    let mut result = result.clone();
    assert!(result.is_object(), "{place}: {result} is not a result");
    let members = result.as_object_mut().unwrap();
    let modern = revision == MODERN;
    assert_eq!(
        members.remove("resultType"),
        modern.then(|| json!("complete")),
        "{place}"
    );
    if modern {
        let mut info = json!({ "name": "fixture", "version": "1.2.3", "title": "The fixture", "websiteUrl": "https://example.com" });
        // Icons may be long, so they are only in the result of `server/discover`.
        if members.contains_key("supportedVersions") {
            info["icons"] = json!([{ "src": "https://example.com/icon.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark" }]);
        }
        let meta = members.remove("_meta");
        assert_eq!(
            meta,
            Some(json!({ "io.modelcontextprotocol/serverInfo": info })),
            "{place}"
        );
        let ttl = members.remove("ttlMs");
        let scope = members.remove("cacheScope");
        assert_eq!(ttl.is_some(), scope.is_some(), "{place}");
        assert!(ttl.is_none_or(|ttl| ttl.is_u64()), "{place}");
    } else {
        assert!(
            !members.contains_key("ttlMs") && !members.contains_key("_meta"),
            "{place}"
        );
    }
    result
}

#[test]
fn every_case_over_memory() {
    run(Transport::Memory);
}

#[test]
fn every_case_over_stdio() {
    run(Transport::Stdio);
}

#[test]
fn every_case_over_http() {
    run(Transport::Http);
}
