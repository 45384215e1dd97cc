//! The record of each decision, for each method, over each transport and in both eras.

use std::sync::{Arc, Mutex};

use mcp_runtime::{Audit, AuditRecord, RateLimit, Server, ToolSearch};
use serde_json::{Value, json};

use crate::server::{
    KEY, LEGACY, MODERN, TRACE, TRAP, finish, open, over_streams, post, protected, request,
};

const ERAS: [&str; 2] = [MODERN, LEGACY];

/// Records as JSON.
#[derive(Clone, Default)]
pub(crate) struct Records(Arc<Mutex<Vec<Value>>>);

impl Records {
    pub(crate) fn audit(&self, server: Server) -> Server {
        let records = Arc::clone(&self.0);
        let keep = move |record: &AuditRecord| {
            let record = serde_json::to_value(record).unwrap();
            records.lock().unwrap().push(record);
        };
        server.audit(Audit::function(keep)).audit_key([7; 32])
    }

    pub(crate) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A request and its record.
struct Case {
    method: &'static str,
    params: Value,
    decision: &'static str,
    outcome: &'static str,
    component: Option<&'static str>,
    code: Option<i64>,
    /// The status over HTTP.
    status: u16,
    has_digest: bool,
}

/// Returns a call of a tool that ends like this.
fn call(tool: &'static str, outcome: &'static str) -> Case {
    Case {
        method: "tools/call",
        params: json!({ "name": tool, "arguments": { "text": TRAP } }),
        decision: "allowed",
        outcome,
        component: Some(tool),
        code: None,
        status: 200,
        has_digest: true,
    }
}

/// Returns a request that is refused with this code.
fn refused(case: Case, decision: &'static str, code: i64, status: u16) -> Case {
    Case {
        decision,
        code: Some(code),
        status,
        ..case
    }
}

fn other(method: &'static str, params: Value, component: Option<&'static str>) -> Case {
    Case {
        method,
        params,
        component,
        has_digest: component.is_some(),
        ..call("", "ok")
    }
}

/// The requests that all transports serve.
fn cases() -> Vec<Case> {
    let prompt = json!({ "type": "ref/prompt", "name": "greet" });
    let template = json!({ "type": "ref/resource", "uri": "note://{name}" });
    let complete = |reference: Value| json!({ "ref": reference, "argument": { "name": "name", "value": TRAP } });
    let unknown = Case {
        component: Some("_OTHER"),
        ..call("nothing", "protocol_error")
    };
    let nowhere = other(
        "resources/read",
        json!({ "uri": format!("none://{TRAP}") }),
        Some("_OTHER"),
    );
    let wrong = Case {
        params: json!({ "name": "log_in", "arguments": { "password": [TRAP] } }),
        ..call("log_in", "tool_error")
    };
    let secret = Case {
        params: json!({ "name": "log_in", "arguments": { "password": TRAP } }),
        ..call("log_in", "ok")
    };
    let wrong_prompt = other(
        "prompts/get",
        json!({ "name": "greet", "arguments": { "name": 7 } }),
        Some("greet"),
    );
    let failed = |case: Case| Case {
        outcome: "protocol_error",
        ..case
    };
    vec![
        call("echo", "ok"),
        secret,
        refused(unknown, "allowed", -32602, 200),
        wrong,
        call("fails", "tool_error"),
        call("panics", "tool_error"),
        call("late", "timed_out"),
        call("rare", "ok"),
        Case {
            decision: "rate_limited",
            ..call("rare", "tool_error")
        },
        other(
            "resources/read",
            json!({ "uri": format!("note://{TRAP}") }),
            Some("note://{name}"),
        ),
        failed(refused(nowhere, "allowed", 0, 200)),
        other(
            "prompts/get",
            json!({ "name": "greet", "arguments": { "name": TRAP } }),
            Some("greet"),
        ),
        failed(refused(wrong_prompt, "allowed", -32602, 200)),
        other("completion/complete", complete(prompt), Some("greet")),
        other(
            "completion/complete",
            complete(template),
            Some("note://{name}"),
        ),
        other("tools/list", json!({}), None),
        other("resources/list", json!({}), None),
        other("resources/templates/list", json!({}), None),
        other("prompts/list", json!({}), None),
    ]
}

/// Fails unless a record is that of a case.
#[track_caller]
fn check(record: &Value, case: &Case, place: &str) {
    let place = format!("{place} {} {}: {record}", case.method, case.params);
    assert_eq!(record["method"], case.method, "{place}");
    assert_eq!(record["decision"], case.decision, "{place}");
    assert_eq!(record["outcome"], case.outcome, "{place}");
    assert_eq!(record["component"].as_str(), case.component, "{place}");
    // The code of an unknown resource depends on the revision.
    match case.code {
        Some(0) => assert!(record["code"].is_i64(), "{place}"),
        code => assert_eq!(record["code"].as_i64(), code, "{place}"),
    }
    let digest = record["arguments_digest"].as_str();
    assert_eq!(
        digest.map(str::len),
        case.has_digest.then_some(64),
        "{place}"
    );
    assert_eq!(record["request_id"], "\"request-7\"", "{place}");
    assert!(
        record["duration_ms"].as_f64().is_some_and(|it| it >= 0.0),
        "{place}"
    );
    assert!(
        record["time"]
            .as_u64()
            .is_some_and(|it| it > 1_700_000_000_000),
        "{place}"
    );
    assert!(!record.to_string().contains("trap"), "{place}");
}

#[tokio::test]
async fn each_request_over_http_has_one_record() {
    for revision in ERAS {
        let records = Records::default();
        let service = records.audit(protected()).into_service().await.unwrap();
        let missing = call("add_event", "protocol_error");
        let mut all = cases();
        all.push(refused(missing, "forbidden", -32600, 403));
        for case in all {
            let message = request(revision, case.method, case.params.clone());
            let status = finish(post(&service, revision, KEY, &message).await).await;
            assert_eq!(status, case.status, "{message}");
            let taken = records.take();
            assert_eq!(taken.len(), 1, "{message}: {taken:?}");
            check(&taken[0], &case, revision);
            assert_eq!(taken[0]["principal"], "ada");
            assert_eq!(taken[0]["transport"], "http");
            assert_eq!(taken[0]["trace_id"], TRACE);
        }
    }
}

/// A call through `call_tool` has the status, the decision, the component and the digest of the direct call.
#[tokio::test]
async fn a_call_through_call_tool_has_the_record_of_the_call() {
    for revision in ERAS {
        let records = Records::default();
        let server = protected().tool_search(ToolSearch::new());
        let service = records.audit(server).into_service().await.unwrap();
        for (tool, decision, status) in [
            ("echo", "allowed", 200),
            ("fails", "allowed", 200),
            ("add_event", "forbidden", 403),
            ("wipe", "forbidden", 200),
            ("nothing", "allowed", 200),
        ] {
            let direct = json!({ "name": tool, "arguments": { "text": TRAP } });
            let through = json!({ "name": "call_tool", "arguments": direct });
            let mut both = Vec::new();
            for params in [direct, through] {
                let message = request(revision, "tools/call", params);
                let got = finish(post(&service, revision, KEY, &message).await).await;
                assert_eq!(got, status, "{message}");
                let mut taken = records.take();
                assert_eq!(taken.len(), 1, "{taken:?}");
                assert_eq!(taken[0]["decision"], decision, "{taken:?}");
                for member in ["time", "duration_ms", "session"] {
                    taken[0][member] = Value::Null;
                }
                both.push(taken.remove(0));
            }
            assert_eq!(both[0], both[1], "{tool}");
            assert!(both[0]["arguments_digest"].is_string(), "{tool}");
        }
    }
}

#[tokio::test]
async fn each_request_over_streams_has_one_record() {
    for revision in ERAS {
        let records = Records::default();
        let cases = cases();
        let messages: Vec<Value> = cases
            .iter()
            .map(|case| request(revision, case.method, case.params.clone()))
            .collect();
        over_streams(records.audit(open()), revision, &messages).await;
        let mut taken = records.take();
        if revision == LEGACY {
            assert_eq!(taken.remove(0)["method"], "initialize");
        }
        assert_eq!(taken.len(), cases.len(), "{taken:?}");
        for (record, case) in taken.iter().zip(&cases) {
            check(record, case, revision);
            assert_eq!(record["principal"], Value::Null);
            assert_eq!(record["transport"], "custom");
        }
    }
}

#[tokio::test]
async fn a_request_without_valid_credentials_has_a_record_without_its_content() {
    for revision in ERAS {
        let records = Records::default();
        let service = records.audit(protected()).into_service().await.unwrap();
        let case = call("echo", "ok");
        let message = request(revision, case.method, case.params);
        for key in ["", "trap-fedcba9876543210-fedcba9876543210"] {
            assert_eq!(
                finish(post(&service, revision, key, &message).await).await,
                401
            );
            let taken = records.take();
            assert_eq!(taken.len(), 1, "{taken:?}");
            assert_eq!(taken[0]["decision"], "unauthenticated");
            for member in [
                "method",
                "component",
                "principal",
                "arguments_digest",
                "outcome",
            ] {
                assert!(taken[0].get(member).is_none(), "{taken:?}");
            }
            assert!(!taken[0].to_string().contains("trap"), "{taken:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_has_a_record() {
    for revision in ERAS {
        let records = Records::default();
        let service = records.audit(protected()).into_service().await.unwrap();
        let case = call("wait", "cancelled");
        let message = request(revision, case.method, case.params.clone());
        // The response is dropped before it begins, as by a client that disconnects.
        let waiting = post(&service, revision, KEY, &message);
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(5), waiting);
        assert!(waiting.await.is_err());
        let taken = records.take();
        assert_eq!(taken.len(), 1, "{taken:?}");
        check(&taken[0], &case, revision);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_sends_too_many_requests_has_records_of_them() {
    for revision in ERAS {
        let records = Records::default();
        let server = protected().rate_limit(RateLimit::per_minute(2));
        let service = records.audit(server).into_service().await.unwrap();
        let limited = refused(call("echo", "protocol_error"), "rate_limited", -32603, 429);
        let prompt = json!({ "name": "greet", "arguments": { "name": TRAP } });
        let prompt = other("prompts/get", prompt, Some("greet"));
        for case in [call("echo", "ok"), prompt, limited] {
            let message = request(revision, case.method, case.params.clone());
            let status = finish(post(&service, revision, KEY, &message).await).await;
            assert_eq!(status, case.status);
            check(&records.take()[0], &case, revision);
        }
    }
}

#[tokio::test]
async fn equal_arguments_have_equal_digests_under_one_key_only() {
    let digests = async |server: Server, text: &str| {
        let records = Records::default();
        let echo = request(
            MODERN,
            "tools/call",
            json!({ "name": "echo", "arguments": { "text": text } }),
        );
        let keep = {
            let records = Arc::clone(&records.0);
            move |record: &AuditRecord| {
                let record = serde_json::to_value(record).unwrap();
                records.lock().unwrap().push(record);
            }
        };
        over_streams(server.audit(Audit::function(keep)), MODERN, &[echo]).await;
        records.take()[0]["arguments_digest"].clone()
    };
    let one = digests(open().audit_key([7; 32]), "a").await;
    assert_eq!(one, digests(open().audit_key([7; 32]), "a").await);
    assert_ne!(one, digests(open().audit_key([7; 32]), "b").await);
    assert_ne!(one, digests(open().audit_key([8; 32]), "a").await);
    // Without a key, each server has its own.
    let random = digests(open(), "a").await;
    assert!(random.is_string());
    assert_ne!(random, digests(open(), "a").await);
}
