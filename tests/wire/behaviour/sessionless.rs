//! Legacy requests over HTTP without a session, such as from `curl`: served unless they need a session.

use serde_json::{Value, json};

use crate::connection::spawn_http;
use crate::http::{Answer, request};

const PLAIN: (&str, &str) = ("Content-Type", "application/json");

fn post(address: &str, headers: &[(&str, &str)], method: &str, params: &Value) -> Answer {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut all = vec![PLAIN];
    all.extend(headers);
    request(
        address,
        "POST",
        "/mcp",
        &all,
        message.to_string().as_bytes(),
    )
}

/// Each method of the legacy era with valid parameters.
fn methods() -> [(&'static str, Value, bool); 12] {
    let completion = json!({ "ref": { "type": "ref/prompt", "name": "greet" }, "argument": { "name": "name", "value": "" } });
    [
        ("ping", json!({}), true),
        ("tools/list", json!({}), true),
        ("resources/list", json!({}), true),
        ("resources/templates/list", json!({}), true),
        ("prompts/list", json!({}), true),
        (
            "tools/call",
            json!({ "name": "echo_owned", "arguments": { "text": "x" } }),
            true,
        ),
        ("resources/read", json!({ "uri": "text://readme" }), true),
        ("prompts/get", json!({ "name": "talk" }), true),
        ("completion/complete", completion, true),
        (
            "resources/subscribe",
            json!({ "uri": "text://readme" }),
            false,
        ),
        (
            "resources/unsubscribe",
            json!({ "uri": "text://readme" }),
            false,
        ),
        ("logging/setLevel", json!({ "level": "info" }), false),
    ]
}

#[test]
fn what_needs_no_session_is_served_and_what_needs_one_says_so() {
    let server = spawn_http();
    let versions: [&[(&str, &str)]; 5] = [
        &[],
        &[("MCP-Protocol-Version", "2024-11-05")],
        &[("MCP-Protocol-Version", "2025-03-26")],
        &[("MCP-Protocol-Version", "2025-06-18")],
        &[("MCP-Protocol-Version", "2025-11-25")],
    ];
    for headers in versions {
        for (method, params, is_served) in methods() {
            let answer = post(&server.address, headers, method, &params);
            let message = answer.messages().remove(0);
            if is_served {
                assert_eq!(answer.status, 200, "{method} {headers:?}: {answer:?}");
                assert!(
                    message["result"].is_object(),
                    "{method} {headers:?}: {message}"
                );
            } else {
                assert_eq!(answer.status, 400, "{method} {headers:?}: {answer:?}");
                assert_eq!(message["error"]["code"], -32600, "{message}");
                let text = message["error"]["message"].as_str().unwrap();
                assert!(text.contains("initialize"), "{text}");
            }
        }
    }
}

#[test]
fn it_is_served_in_the_revision_of_its_header_or_else_in_that_of_march() {
    let server = spawn_http();
    let call = json!({ "name": "half", "arguments": { "number": 4 } });
    for (headers, has_structured_content) in [
        (&[][..], false),
        (&[("MCP-Protocol-Version", "2025-03-26")][..], false),
        (&[("MCP-Protocol-Version", "2025-06-18")][..], true),
    ] {
        let answer = post(&server.address, headers, "tools/call", &call);
        let result = &answer.messages()[0]["result"];
        let structured = result.get("structuredContent").is_some();
        assert_eq!(structured, has_structured_content, "{headers:?}: {result}");
        assert_eq!(result["content"][0]["text"], "2");
    }
}

#[test]
fn a_wrong_or_ended_session_and_an_unknown_version_are_still_refused() {
    let server = spawn_http();
    let cases: [(&[(&str, &str)], u16); 2] = [
        (&[("Mcp-Session-Id", "none")], 404),
        (&[("MCP-Protocol-Version", "1999-01-01")], 400),
    ];
    for (headers, status) in cases {
        let answer = post(&server.address, headers, "tools/list", &json!({}));
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
    }
}
