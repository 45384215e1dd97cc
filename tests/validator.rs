//! Tests of the validation itself: each fault is found, and the same message without the fault is valid.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::path::PathBuf;

use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::{
    Checked, MODERN, REVISIONS, are_available, error, find, notification, question, reply, request,
};
use serde_json::{Value, json};

const NOVEMBER: &str = "2025-11-25";

/// A fault: a place, as a JSON pointer, and its new value; `None` removes the member.
type Fault<'a> = (&'a str, Option<Value>);

fn spoil(good: &Value, (place, value): &Fault<'_>) -> Value {
    let mut bad = good.clone();
    let (parent, name) = place.rsplit_once('/').expect("a pointer");
    let parent = bad
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("no {place}"));
    let name = name.replace("~1", "/");
    match (parent, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name, value.clone())),
        (Value::Object(members), None) => drop(members.remove(&name).expect(place)),
        (parent, value) => parent[name.parse::<usize>().unwrap()] = value.clone().expect(place),
    }
    bad
}

/// Fails unless a message is valid, and is invalid with each of these faults.
fn probe(what: &str, good: &Value, check: impl Fn(&Value) -> Checked, faults: &[Fault<'_>]) {
    if !are_available() {
        return;
    }
    assert_eq!(check(good), Ok(()), "{what}");
    for fault in faults {
        let bad = spoil(good, fault);
        assert!(
            check(&bad).is_err(),
            "{what}: {fault:?} is not found in {bad}"
        );
    }
}

/// A result in its envelope, with the members that the revision requires of all results and of cacheable ones.
fn envelope(revision: &str, mut result: Value, is_cacheable: bool) -> Value {
    if revision == MODERN {
        result["resultType"] = "complete".into();
        result["_meta"] =
            json!({ "io.modelcontextprotocol/serverInfo": { "name": "s", "version": "1" } });
    }
    if revision == MODERN && is_cacheable {
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
    }
    json!({ "jsonrpc": "2.0", "id": 1, "result": result })
}

/// Checks a reply to a method.
fn to<'a>(revision: &'a str, method: &'a str) -> impl Fn(&Value) -> Checked + 'a {
    move |message| reply(revision, Some(method), message, true)
}

#[test]
fn an_envelope_is_closed_and_has_a_result_or_an_error() {
    for revision in REVISIONS {
        let good = envelope(revision, json!({ "tools": [] }), true);
        let mut faults = vec![
            ("/extra", Some(json!(1))),
            ("/method", Some(json!("tools/list"))),
            ("/error", Some(json!({ "code": -32603, "message": "x" }))),
            ("/jsonrpc", Some(json!("1.0"))),
            ("/jsonrpc", None),
            ("/id", None),
            ("/id", Some(Value::Null)),
            ("/id", Some(json!(1.5))),
            ("/result", None),
            ("/result/extra", Some(json!(1))),
            ("/result/tools", None),
            ("/result/tools", Some(json!({}))),
        ];
        // A result of one revision is invalid in another.
        match revision {
            MODERN => faults.extend([
                ("/result/resultType", Some(json!("banana"))),
                ("/result/resultType", None),
                ("/result/resultType", Some(json!("input_required"))),
                ("/result/ttlMs", None),
                ("/result/cacheScope", Some(json!("shared"))),
                (
                    "/result/_meta/io.modelcontextprotocol~1serverInfo",
                    Some(json!({})),
                ),
                (
                    "/result/_meta/io.modelcontextprotocol~1serverInfo/extra",
                    Some(json!(1)),
                ),
            ]),
            _ => faults.push(("/result/resultType", Some(json!("complete")))),
        }
        probe(revision, &good, to(revision, "tools/list"), &faults);
    }
}

#[test]
fn a_result_belongs_to_a_method_of_its_revision() {
    let empty = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    for revision in &REVISIONS[..4] {
        probe(
            "empty",
            &empty,
            to(revision, "ping"),
            &[("/result/extra", Some(json!(1)))],
        );
    }
    if are_available() {
        let complete = envelope(MODERN, json!({}), false);
        for (revision, method) in [
            (MODERN, "ping"),
            (MODERN, "initialize"),
            (MODERN, "unheard/of"),
        ] {
            assert!(
                reply(revision, Some(method), &complete, true).is_err(),
                "{method}"
            );
        }
        for method in ["server/discover", "subscriptions/listen", "unheard/of"] {
            assert!(
                reply(NOVEMBER, Some(method), &empty, true).is_err(),
                "{method}"
            );
        }
        assert!(
            reply(NOVEMBER, None, &empty, true).is_err(),
            "the message was not a request"
        );
    }
}

#[test]
fn tools_are_closed_and_named_by_the_rule() {
    let long = "x".repeat(129);
    for revision in REVISIONS {
        let schema = json!({ "type": "object", "properties": { "a": { "anything": 1 } }, "additionalProperties": false });
        let tool = json!({ "name": "a-Z_0.9", "description": "", "inputSchema": schema });
        let good = envelope(
            revision,
            json!({ "tools": [tool], "nextCursor": "x" }),
            true,
        );
        let mut faults = vec![
            ("/result/tools/0/extra", Some(json!(1))),
            ("/result/tools/0/inputSchema", None),
            ("/result/tools/0/inputSchema/type", Some(json!("string"))),
            ("/result/tools/0/name", None),
        ];
        faults.extend(
            ["", "a b", "a/b", "ä", &long].map(|name| ("/result/tools/0/name", Some(json!(name)))),
        );
        let newer = [
            (
                "2025-03-26",
                "/result/tools/0/annotations",
                json!({ "readOnlyHint": true }),
            ),
            ("2025-06-18", "/result/tools/0/title", json!("A")),
            (
                "2025-06-18",
                "/result/tools/0/_meta",
                json!({ "any": { "thing": 1 } }),
            ),
            (NOVEMBER, "/result/tools/0/icons", json!([])),
        ];
        for (since, place, value) in newer {
            if revision < since {
                faults.push((place, Some(value)));
            } else {
                let with = spoil(&good, &(place, Some(value)));
                probe(place, &with, to(revision, "tools/list"), &[]);
            }
        }
        probe(revision, &good, to(revision, "tools/list"), &faults);
        if revision >= "2025-03-26" {
            let hints = json!({ "readOnlyHint": true });
            let good = spoil(&good, &("/result/tools/0/annotations", Some(hints)));
            let fault = ("/result/tools/0/annotations/extra", Some(json!(true)));
            probe(revision, &good, to(revision, "tools/list"), &[fault]);
        }
    }
}

#[test]
fn icons_are_of_the_web_or_data() {
    for revision in [NOVEMBER, MODERN] {
        for src in [
            "https://a.example/i.png",
            "http://a.example",
            "data:image/png;base64,iVBORw==",
        ] {
            let icon = json!({ "src": src, "mimeType": "image/png", "sizes": ["48x48", "any"], "theme": "dark" });
            let tool = json!({ "name": "a", "inputSchema": { "type": "object" }, "icons": [icon] });
            let good = envelope(revision, json!({ "tools": [tool] }), true);
            let place = "/result/tools/0/icons/0/src";
            let mut faults = [
                "javascript:alert(1)",
                "file:///etc/passwd",
                "//a.example/i.png",
                "https://",
                "data:image/png,abc",
                "data:image/png;base64,a",
                "",
            ]
            .map(|src| (place, Some(json!(src))))
            .to_vec();
            faults.extend([
                (place, None),
                ("/result/tools/0/icons/0/extra", Some(json!(1))),
                ("/result/tools/0/icons/0/theme", Some(json!("blue"))),
                ("/result/tools/0/icons/0/sizes/0", Some(json!("48"))),
                ("/result/tools/0/icons/0/sizes/0", Some(json!("0x0"))),
            ]);
            probe(src, &good, to(revision, "tools/list"), &faults);
        }
    }
}

#[test]
fn content_is_closed_and_its_data_is_base64() {
    for revision in REVISIONS {
        let content = json!([
            { "type": "text", "text": "a", "annotations": { "priority": 1, "audience": ["user"] } },
            { "type": "image", "data": "iVBORw==", "mimeType": "image/png" },
            { "type": "resource", "resource": { "uri": "a://b", "text": "c" } },
        ]);
        let good = envelope(
            revision,
            json!({ "content": content, "isError": false }),
            false,
        );
        let image = "/result/content/1/data";
        let mut faults = [
            "not base64",
            "iVBORw",
            "iVBORw=",
            "====",
            "iVB=Rw==",
            "iVBORw==\n",
        ]
        .map(|data| (image, Some(json!(data))))
        .to_vec();
        faults.extend([
            ("/result/content/0/extra", Some(json!(1))),
            ("/result/content/0/type", Some(json!("unheard-of"))),
            ("/result/content/0/text", None),
            ("/result/content/0/annotations/extra", Some(json!(1))),
            ("/result/content/0/annotations/priority", Some(json!(1.5))),
            ("/result/content/1/text", Some(json!("a"))),
            ("/result/content/1/mimeType", None),
            ("/result/content/2/resource/blob", Some(json!("YQ=="))),
            ("/result/content/2/resource/uri", Some(json!("no uri"))),
            ("/result/content/2/resource/extra", Some(json!(1))),
            ("/result/extra", Some(json!(1))),
        ]);
        if revision < "2025-06-18" {
            faults.push(("/result/structuredContent", Some(json!({}))));
            let link = json!({ "type": "resource_link", "uri": "a://b", "name": "c" });
            faults.push(("/result/content/0", Some(link)));
        }
        if revision == "2024-11-05" {
            let audio = json!({ "type": "audio", "data": "YQ==", "mimeType": "audio/wav" });
            faults.push(("/result/content/0", Some(audio)));
        }
        probe(revision, &good, to(revision, "tools/call"), &faults);
        if revision >= "2025-06-18" {
            let moment = |text: &str| json!({ "lastModified": text });
            let place = "/result/content/0/annotations";
            let good = spoil(&good, &(place, Some(moment("2026-01-01T00:00:00Z"))));
            let faults = ["yesterday", "01.02.2026", "2026-01-01 00:00"]
                .map(|text| (place, Some(moment(text))));
            probe(revision, &good, to(revision, "tools/call"), &faults);
            let good = spoil(
                &good,
                &(
                    "/result/structuredContent",
                    Some(json!({ "any": { "thing": [] } })),
                ),
            );
            probe(revision, &good, to(revision, "tools/call"), &[]);
        }
    }
}

#[test]
fn contents_of_a_resource_are_text_or_bytes() {
    for revision in REVISIONS {
        let contents = json!([{ "uri": "a://b", "text": "c" }, { "uri": "a:b", "blob": "YQ==" }]);
        let good = envelope(revision, json!({ "contents": contents }), true);
        let faults = [
            ("/result/contents/0/blob", Some(json!("YQ=="))),
            ("/result/contents/0/text", None),
            ("/result/contents/0/uri", Some(json!("a b"))),
            ("/result/contents/0/extra", Some(json!(1))),
            ("/result/contents/1/blob", Some(json!("Y"))),
        ];
        probe(revision, &good, to(revision, "resources/read"), &faults);
        let template = json!({ "name": "a", "uriTemplate": "a://{b}" });
        let good = envelope(revision, json!({ "resourceTemplates": [template] }), true);
        let faults = [
            (
                "/result/resourceTemplates/0/uriTemplate",
                Some(json!("a://{b")),
            ),
            ("/result/resourceTemplates/0/extra", Some(json!(1))),
        ];
        probe(
            revision,
            &good,
            to(revision, "resources/templates/list"),
            &faults,
        );
    }
}

#[test]
fn only_three_methods_ask_for_input() {
    let ask = json!({ "method": "elicitation/create", "params": { "message": "a", "requestedSchema": {
        "type": "object", "properties": { "b": { "type": "string", "minLength": 1 } } } } });
    let result = json!({ "resultType": "input_required", "inputRequests": { "a": ask }, "requestState": "x" });
    let good = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
    for method in ["tools/call", "prompts/get", "resources/read"] {
        let form = "/result/inputRequests/a/params/requestedSchema/properties/b";
        let faults = [
            ("/result/extra", Some(json!(1))),
            ("/result/content", Some(json!([]))),
            ("/result/inputRequests/a/jsonrpc", Some(json!("2.0"))),
            ("/result/inputRequests/a/method", Some(json!("ping"))),
            ("/result/inputRequests/a/params/extra", Some(json!(1))),
            (form, Some(json!({ "type": "string", "pattern": "x" }))),
            (form, Some(json!({ "type": "object" }))),
            ("/result", Some(json!({ "resultType": "input_required" }))),
        ];
        probe(method, &good, to(MODERN, method), &faults);
    }
    if are_available() {
        for method in [
            "tools/list",
            "prompts/list",
            "resources/list",
            "server/discover",
            "completion/complete",
        ] {
            assert!(
                reply(MODERN, Some(method), &good, true).is_err(),
                "{method}"
            );
        }
        for revision in &REVISIONS[..4] {
            assert!(
                reply(revision, Some("tools/call"), &good, true).is_err(),
                "{revision}"
            );
        }
    }
}

#[test]
fn a_handshake_and_a_discovery_are_closed_but_for_settings() {
    let free = json!({ "any": { "thing": 1 } });
    let capabilities =
        json!({ "tools": { "listChanged": true }, "logging": free, "experimental": { "a": free } });
    for revision in &REVISIONS[..4] {
        let result = json!({ "protocolVersion": revision, "capabilities": capabilities, "serverInfo": { "name": "s", "version": "1" } });
        let good = envelope(revision, result, false);
        let mut faults = vec![
            ("/result/extra", Some(json!(1))),
            ("/result/capabilities/extra", Some(json!({}))),
            ("/result/capabilities/extensions", Some(json!({}))),
            ("/result/capabilities/tools/extra", Some(json!(true))),
            ("/result/serverInfo/extra", Some(json!(1))),
            ("/result/serverInfo/version", None),
        ];
        if *revision == "2024-11-05" {
            faults.push(("/result/capabilities/completions", Some(json!({}))));
        }
        probe(revision, &good, to(revision, "initialize"), &faults);
    }
    let mut capabilities = capabilities;
    capabilities["extensions"] = json!({ "com.example/a": free });
    let result = json!({ "supportedVersions": [MODERN], "capabilities": capabilities });
    let good = envelope(MODERN, result, true);
    let faults = [
        ("/result/supportedVersions", None),
        ("/result/supportedVersions", Some(json!([]))),
        ("/result/capabilities", None),
        ("/result/capabilities/extra", Some(json!({}))),
    ];
    probe("discover", &good, to(MODERN, "server/discover"), &faults);
}

#[test]
fn an_error_has_the_members_of_its_code() {
    for revision in REVISIONS {
        let error = json!({ "code": -32602, "message": "No.", "data": { "any": "thing" } });
        let good = json!({ "jsonrpc": "2.0", "id": "a", "error": error });
        let faults = [
            ("/id", None),
            ("/extra", Some(json!(1))),
            ("/error/extra", Some(json!(1))),
            ("/error/message", None),
            ("/error/message", Some(json!(""))),
            ("/error/message", Some(json!("two\nlines"))),
            ("/error/code", None),
            ("/error/code", Some(json!("-32602"))),
            ("/error/code", Some(json!(-32000))),
            ("/error/code", Some(json!(1))),
            // These are codes of the other era.
            (
                "/error/code",
                Some(json!(if revision == MODERN { -32002 } else { -32020 })),
            ),
        ];
        probe(revision, &good, to(revision, "tools/call"), &faults);
    }
    for (code, data, part) in [
        (
            -32021,
            json!({ "requiredCapabilities": { "sampling": {} } }),
            "requiredCapabilities",
        ),
        (
            -32022,
            json!({ "supported": [MODERN], "requested": "x" }),
            "supported",
        ),
        (
            -32022,
            json!({ "supported": [MODERN], "requested": "x" }),
            "requested",
        ),
    ] {
        let good = json!({ "code": code, "message": "No.", "data": data });
        let place = format!("/data/{part}");
        let faults = [
            ("/data", None),
            (place.as_str(), None),
            ("/data/extra", Some(json!(1))),
            (place.as_str(), Some(json!(7))),
            ("/extra", Some(json!(1))),
        ];
        probe(part, &good, |it| error(MODERN, it), &faults);
    }
    let mismatch = json!({ "code": -32020, "message": "No." });
    probe(
        "mismatch",
        &mismatch,
        |it| error(MODERN, it),
        &[("/extra", Some(json!(1)))],
    );
}

#[test]
fn an_error_has_no_id_only_if_the_requests_could_not_be_read() {
    for revision in REVISIONS {
        let lost = json!({ "jsonrpc": "2.0", "error": { "code": -32700, "message": "No." } });
        let unread = |message: &Value| reply(revision, None, message, false);
        let faults = [("/id", Some(Value::Null)), ("/error/extra", Some(json!(1)))];
        probe(revision, &lost, unread, &faults);
        if are_available() {
            assert!(reply(revision, None, &lost, true).is_err());
        }
    }
}

#[test]
fn notifications_and_requests_are_closed_and_of_their_revision() {
    for revision in REVISIONS {
        let params = json!({ "progressToken": "a", "progress": 0.5 });
        let good =
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
        let mut faults = vec![
            ("/id", Some(json!(1))),
            ("/extra", Some(json!(1))),
            ("/jsonrpc", None),
            ("/method", Some(json!("notifications/unheard-of"))),
            ("/params", None),
            ("/params/extra", Some(json!(1))),
            ("/params/progress", Some(json!("half"))),
        ];
        if revision == "2024-11-05" {
            faults.push(("/params/message", Some(json!("on it"))));
        }
        probe(revision, &good, |it| notification(revision, it), &faults);
        let params = json!({ "level": "info", "data": { "any": "thing" } });
        let good = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params });
        let faults = [
            ("/params/level", Some(json!("loud"))),
            ("/params/extra", Some(json!(1))),
        ];
        probe(revision, &good, |it| notification(revision, it), &faults);
        let content = json!({ "type": "text", "text": "a" });
        let params =
            json!({ "maxTokens": 1, "messages": [{ "role": "user", "content": content }] });
        let bare = json!({ "method": "sampling/createMessage", "params": params });
        let faults = [
            ("/params/extra", Some(json!(1))),
            ("/params/maxTokens", None),
            ("/params/messages/0/content/extra", Some(json!(1))),
            ("/method", Some(json!("ping"))),
        ];
        let mut good = bare.clone();
        good["jsonrpc"] = "2.0".into();
        good["id"] = 1.into();
        if revision == MODERN {
            probe(revision, &bare, |it| question(revision, it), &faults);
            assert!(!are_available() || request(revision, &good).is_err());
        } else {
            let envelope = [
                ("/jsonrpc", None),
                ("/id", None),
                ("/extra", Some(json!(1))),
            ];
            probe(
                revision,
                &good,
                |it| request(revision, it),
                &[&faults[..], &envelope].concat(),
            );
        }
    }
}

/// The problems of the last message of the server, after these messages of the client.
fn converse(revision: &str, sent: &[&str], received: &Value) -> Checked {
    let conversation = Conversation::new(revision);
    for line in sent {
        conversation.wrote(format!("{line}\n").as_bytes());
    }
    conversation.receive(received)
}

#[test]
fn a_reply_belongs_to_the_request_with_its_id() {
    if !are_available() {
        return;
    }
    let ping = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let reply = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    for (id, answer, is_its) in [
        ("1", json!(1), true),
        ("1.0", json!(1), true),
        ("\"1\"", json!("1"), true),
        ("1", json!("1"), false),
        ("\"1\"", json!(1), false),
        ("2", json!(1), false),
    ] {
        assert_eq!(
            converse(NOVEMBER, &[&ping(id)], &reply(answer)).is_ok(),
            is_its,
            "{id}"
        );
    }
    // A request has one reply; responses and notifications have none.
    let conversation = Conversation::new(NOVEMBER);
    conversation.sent(ping("1").as_bytes());
    assert_eq!(conversation.receive(&reply(json!(1))), Ok(()));
    assert!(conversation.receive(&reply(json!(1))).is_err());
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"ping"}"#,
    ] {
        assert!(
            converse(NOVEMBER, &[line], &reply(json!(1))).is_err(),
            "{line}"
        );
    }
    // The result must be valid for the method.
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert!(converse(NOVEMBER, &[list], &reply(json!(1))).is_err());
    let both = [ping("1"), ping("2")].join(",");
    let batch = json!([reply(json!(2)), reply(json!(1))]);
    assert_eq!(
        converse("2025-03-26", &[&format!("[{both}]")], &batch),
        Ok(())
    );
    let wrong = json!([reply(json!(2)), reply(json!(3))]);
    assert!(converse("2025-03-26", &[&format!("[{both}]")], &wrong).is_err());
}

#[test]
fn an_error_without_an_id_needs_a_message_without_one() {
    if !are_available() {
        return;
    }
    let lost = json!({ "jsonrpc": "2.0", "error": { "code": -32600, "message": "No." } });
    for (line, may_be_lost) in [
        ("{", true),
        ("[]", true),
        ("7", true),
        (r#"{"id":null,"method":"ping"}"#, true),
        (r#"{"id":1.5,"method":"ping"}"#, true),
        (r#"{"id":1,"id":2,"method":"ping"}"#, true),
        (r#"{"id":1,"id":1,"method":"ping"}"#, false),
        (r#"{"id":1,"method":"ping"}"#, false),
        (r#"{"id":"a"}"#, false),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            false,
        ),
        (
            r#"{"jsonrpc":"1.0","method":"notifications/initialized"}"#,
            true,
        ),
        (r#"{"id":null,"result":{}}"#, false),
    ] {
        assert_eq!(
            converse(NOVEMBER, &[line], &lost).is_ok(),
            may_be_lost,
            "{line}"
        );
    }
}

#[test]
fn a_conversation_follows_the_revision_of_its_requests() {
    if !are_available() {
        return;
    }
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;
    let call = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a"}}"#;
    let result = json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": { "name": "s", "version": "1" } });
    let structured = json!({ "content": [], "structuredContent": {} });
    for (agreed, is_valid) in [("2025-06-18", true), ("2024-11-05", false)] {
        let conversation = Conversation::new(NOVEMBER);
        conversation.sent(initialize.as_bytes());
        let mut answer = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
        answer["result"]["protocolVersion"] = agreed.into();
        conversation.received(&answer);
        conversation.sent(call.as_bytes());
        let answer = json!({ "jsonrpc": "2.0", "id": 2, "result": structured });
        assert_eq!(conversation.receive(&answer).is_ok(), is_valid, "{agreed}");
    }
    let modern = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let complete = envelope(MODERN, json!({ "content": [] }), false);
    let mut answer = complete.clone();
    answer["id"] = 2.into();
    assert_eq!(converse(NOVEMBER, &[modern], &answer), Ok(()));
    assert!(converse(NOVEMBER, &[call], &answer).is_err());
}

#[test]
fn ci_fails_where_a_schema_is_missing() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("schemas-of-validator");
    let _ = std::fs::remove_dir_all(&folder);
    assert_eq!(find(&folder, false), Ok(false));
    assert!(find(&folder, true).is_err());
    std::fs::create_dir_all(&folder).unwrap();
    for revision in REVISIONS {
        for is_ci in [false, true] {
            let problem = find(&folder, is_ci).unwrap_err();
            assert!(problem.contains(revision), "{problem}");
        }
        std::fs::write(folder.join(format!("schema-{revision}.json")), "{}").unwrap();
    }
    assert_eq!(find(&folder, true), Ok(true));
}
