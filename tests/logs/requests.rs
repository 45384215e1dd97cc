//! The event of each request: one for every method, era, transport and outcome, and without secrets.

use mcp_tests::schemas::MODERN;
use serde_json::{Map, Value, json};
use tracing::subscriber::with_default;

use super::capture::{Captured, REQUEST};
use super::observed::TRAP;
use super::wires::{TRANSPORTS, Wire};

const LEGACY: &str = "2025-11-25";

/// A request and how it ends.
struct Case {
    method: &'static str,
    params: Value,
    /// The method and the component in the event.
    logged: (&'static str, Option<&'static str>),
    outcome: &'static str,
    code: Option<i32>,
    /// `None` for both eras.
    era: Option<&'static str>,
}

impl Case {
    fn new(
        method: &'static str,
        params: Value,
        component: Option<&'static str>,
        outcome: &'static str,
    ) -> Self {
        Self {
            method,
            params,
            logged: (method, component),
            outcome,
            code: None,
            era: None,
        }
    }

    fn code(mut self, code: i32) -> Self {
        self.code = Some(code);
        self
    }

    fn only(mut self, era: &'static str) -> Self {
        self.era = Some(era);
        self
    }
}

fn tool(name: &'static str, component: &'static str, outcome: &'static str) -> Case {
    let arguments = match name {
        "echo" | "echo_blocking" | "fails" | "panics" => json!({ "text": TRAP }),
        _ => json!({}),
    };
    let params = json!({ "name": name, "arguments": arguments });
    Case::new("tools/call", params, Some(component), outcome)
}

fn resource(
    method: &'static str,
    uri: String,
    component: &'static str,
    outcome: &'static str,
) -> Case {
    Case::new(method, json!({ "uri": uri }), Some(component), outcome)
}

fn prompt(name: &str, arguments: Value, component: &'static str, outcome: &'static str) -> Case {
    let params = json!({ "name": name, "arguments": arguments });
    Case::new("prompts/get", params, Some(component), outcome)
}

fn complete(reference: Value, component: &'static str, outcome: &'static str) -> Case {
    let params = json!({ "ref": reference, "argument": { "name": "name", "value": TRAP } });
    Case::new("completion/complete", params, Some(component), outcome)
}

fn lists() -> Vec<Case> {
    let methods = [
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    ];
    let cases = methods.map(|method| {
        let wrong = json!({ "cursor": TRAP });
        [
            Case::new(method, json!({}), None, "ok"),
            Case::new(method, wrong, None, "protocol_error").code(-32602),
        ]
    });
    cases.into_iter().flatten().collect()
}

fn calls() -> Vec<Case> {
    let unknown = |name: &'static str| tool(name, "_OTHER", "protocol_error").code(-32602);
    let mut named_by_client = unknown("x");
    named_by_client.params["name"] = TRAP.into();
    let mut method_by_client = Case::new("ping", json!({}), None, "protocol_error").code(-32601);
    method_by_client.method = TRAP;
    method_by_client.logged.0 = "_OTHER";
    let note =
        |method, outcome| resource(method, format!("notes://{TRAP}"), "notes://{name}", outcome);
    let absent = |method, code, era| {
        let case = resource(
            method,
            format!("absent://{TRAP}"),
            "_OTHER",
            "protocol_error",
        );
        case.code(code).only(era)
    };
    vec![
        tool("echo", "echo", "ok"),
        tool("echo_blocking", "echo_blocking", "ok"),
        tool("fails", "fails", "tool_error"),
        tool("panics", "panics", "tool_error"),
        tool("late", "late", "timed_out"),
        tool("waits", "waits", "cancelled"),
        tool("asks", "asks", "input_required").only(MODERN),
        tool("asks", "asks", "tool_error").only(LEGACY),
        named_by_client,
        method_by_client,
        note("resources/read", "ok"),
        absent("resources/read", -32602, MODERN),
        absent("resources/read", -32002, LEGACY),
        resource(
            "resources/read",
            format!("late://{TRAP}"),
            "late://{name}",
            "timed_out",
        )
        .code(-32603),
        prompt("greet", json!({ "name": TRAP }), "greet", "ok"),
        prompt(TRAP, json!({}), "_OTHER", "protocol_error").code(-32602),
        prompt("late_prompt", json!({}), "late_prompt", "timed_out").code(-32603),
        complete(
            json!({ "type": "ref/prompt", "name": "greet" }),
            "greet",
            "ok",
        ),
        complete(
            json!({ "type": "ref/prompt", "name": TRAP }),
            "_OTHER",
            "protocol_error",
        )
        .code(-32602),
        Case::new("server/discover", json!({}), None, "ok").only(MODERN),
        Case::new("server/discover", json!({}), None, "protocol_error")
            .code(-32601)
            .only(LEGACY),
        Case::new(
            "subscriptions/listen",
            json!({ "notifications": {} }),
            None,
            "cancelled",
        )
        .only(MODERN),
        note("resources/subscribe", "ok").only(LEGACY),
        note("resources/unsubscribe", "ok").only(LEGACY),
        absent("resources/subscribe", -32002, LEGACY),
        Case::new("logging/setLevel", json!({ "level": "error" }), None, "ok").only(LEGACY),
        Case::new(
            "logging/setLevel",
            json!({ "level": TRAP }),
            None,
            "protocol_error",
        )
        .code(-32602)
        .only(LEGACY),
        Case::new("ping", json!({}), None, "ok").only(LEGACY),
        Case::new("ping", json!({}), None, "protocol_error")
            .code(-32601)
            .only(MODERN),
    ]
}

/// Returns the message of a case.
fn message(id: usize, case: &Case, era: &str) -> Value {
    let mut params = case.params.clone();
    if era == MODERN {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
            "com.example/token": TRAP,
        });
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": case.method, "params": params })
}

/// Checks the event of a request.
fn check(
    event: &Map<String, Value>,
    case: &Case,
    era: &str,
    transport: &str,
    lengths: [Option<usize>; 2],
) {
    let name = format!(
        "{} {} {era} {transport}: {event:?}",
        case.method, case.params
    );
    assert_eq!(event["method"], case.logged.0, "{name}");
    assert_eq!(
        event.get("component").and_then(Value::as_str),
        case.logged.1,
        "{name}"
    );
    assert_eq!(event["outcome"], case.outcome, "{name}");
    let code = case.code.map(Value::from);
    assert_eq!(event.get("code"), code.as_ref(), "{name}");
    assert_eq!(
        event["era"],
        if era == MODERN { "modern" } else { "legacy" },
        "{name}"
    );
    assert_eq!(event["revision"], era, "{name}");
    assert_eq!(event["transport"], transport, "{name}");
    assert!(event["duration_ms"].as_f64().unwrap() >= 0.0, "{name}");
    for (field, length) in ["bytes_in", "bytes_out"].into_iter().zip(lengths) {
        if let Some(length) = length {
            assert_eq!(event[field], length, "{name}");
        }
    }
    let session = event
        .get("session")
        .map(|session| session.as_str().unwrap());
    assert_eq!(
        session.map(str::len),
        (era != MODERN).then_some(16),
        "{name}"
    );
    assert_eq!(event.get("principal"), None, "{name}");
    assert!(
        !Value::from(event.clone()).to_string().contains(TRAP),
        "{name}"
    );
}

async fn run(transport: &'static str, era: &'static str, captured: &Captured) -> usize {
    let mut wire = Wire::new(transport, era, captured).await;
    let mut ids = 1..;
    if era == LEGACY {
        let hello = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": TRAP, "version": "1" } });
        let case = Case::new("initialize", hello, None, "ok");
        let hello = message(ids.next().unwrap(), &case, era);
        let reply = wire.request(&hello).await;
        let event = wire.event().await;
        let lengths = [
            Some(hello.to_string().len()),
            reply.map(|reply| reply.len()),
        ];
        check(&event, &case, era, transport, lengths);
    }
    let cases = calls().into_iter().chain(lists());
    let cases = cases.filter(|case| case.era.is_none_or(|only| only == era));
    let mut count = 0;
    for case in cases {
        let message = message(ids.next().unwrap(), &case, era);
        let reply = if case.outcome == "cancelled" {
            wire.cancel(&message).await;
            Some(0)
        } else {
            wire.request(&message).await.map(|reply| reply.len())
        };
        let event = wire.event().await;
        check(
            &event,
            &case,
            era,
            transport,
            [Some(message.to_string().len()), reply],
        );
        if let Some(session) = &wire.session {
            assert!(!Value::from(event).to_string().contains(session.as_str()));
        }
        count += 1;
    }
    let rest = wire.rest().await;
    assert!(rest.is_empty(), "{rest:?}");
    count
}

#[test]
fn every_request_has_one_event_without_secrets() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for transport in TRANSPORTS {
        for (era, number) in [(MODERN, 28), (LEGACY, 32)] {
            let captured = Captured::of(REQUEST);
            let count = with_default(captured.subscriber(), || {
                runtime.block_on(run(transport, era, &captured))
            });
            assert_eq!(count, number, "{transport} {era}");
        }
    }
}
