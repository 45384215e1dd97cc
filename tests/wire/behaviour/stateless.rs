//! 2026-07-28 on any connection: each request is independent of earlier requests and of its connection.

use serde_json::{Value, json};

use crate::connection::{Connection, MODERN, Transport, spawn_http, spawn_stdio};
use crate::http;

const ALL: [Transport; 3] = [Transport::Memory, Transport::Stdio, Transport::Http];
const PREFIX: &str = "io.modelcontextprotocol";

/// A call of `tool` by a client with this name and these capabilities.
fn call(tool: &str, name: &str, capabilities: &Value) -> Value {
    let mut meta = json!({});
    meta[format!("{PREFIX}/protocolVersion")] = MODERN.into();
    meta[format!("{PREFIX}/clientCapabilities")] = capabilities.clone();
    meta[format!("{PREFIX}/clientInfo")] = json!({ "name": name, "version": "1" });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "_meta": meta } })
}

fn ask(connection: &mut Connection, message: &Value) -> Value {
    connection.send(message).reply.unwrap()
}

fn text(reply: &Value) -> &str {
    reply["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn nothing_is_remembered_of_earlier_requests() {
    for transport in ALL {
        let mut connection = Connection::open(transport, MODERN);
        let sampling = call("samples", "able", &json!({ "sampling": {} }));
        assert_eq!(
            text(&ask(&mut connection, &sampling)),
            "the client can sample"
        );
        // The next client on the same connection does not have the capability.
        let reply = ask(&mut connection, &call("samples", "unable", &json!({})));
        assert_eq!(reply["error"]["code"], -32021, "{transport:?}: {reply}");
        for (name, expected) in [("one", "one"), ("other", "other"), ("one", "one")] {
            let reply = ask(&mut connection, &call("caller", name, &json!({})));
            assert_eq!(text(&reply).split(' ').next(), Some(expected));
        }
        // This client sends no version or no capabilities.
        for missing in ["protocolVersion", "clientCapabilities"] {
            let mut message = call("caller", "forgetful", &json!({}));
            let meta = message["params"]["_meta"].as_object_mut().unwrap();
            meta.remove(&format!("{PREFIX}/{missing}"));
            let reply = ask(&mut connection, &message);
            assert_eq!(
                reply["error"]["code"], -32602,
                "{transport:?} {missing}: {reply}"
            );
        }
        let mut bare = call("caller", "silent", &json!({}));
        bare["params"].as_object_mut().unwrap().remove("_meta");
        let reply = ask(&mut connection, &bare);
        assert_eq!(reply["error"]["code"], -32602, "{transport:?}: {reply}");
    }
}

/// Every method with valid parameters, but without the data about the client.
fn methods() -> [(&'static str, Value); 10] {
    let completion = json!({ "ref": { "type": "ref/prompt", "name": "greet" }, "argument": { "name": "name", "value": "" } });
    [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("tools/call", json!({ "name": "numbers" })),
        ("prompts/get", json!({ "name": "talk" })),
        ("resources/read", json!({ "uri": "text://readme" })),
        ("completion/complete", completion),
        ("subscriptions/listen", json!({ "notifications": {} })),
    ]
}

/// A request with this `_meta`.
fn request(method: &str, params: &Value, meta: Value) -> Value {
    let mut params = params.clone();
    params["_meta"] = meta;
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// `_meta` with one of its members replaced, or removed if there is no value.
fn meta(member: &str, value: Option<Value>) -> Value {
    let mut meta = call("", "x", &json!({}))["params"]["_meta"].take();
    let members = meta.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(member.to_owned(), value),
        None => members.remove(member),
    };
    meta
}

#[test]
fn what_a_request_says_of_its_client_is_there_and_well_formed() {
    let (version, capabilities) = (
        format!("{PREFIX}/protocolVersion"),
        format!("{PREFIX}/clientCapabilities"),
    );
    let values = || [json!(null), json!(true), json!(7), json!([]), json!({})];
    let mut faults = vec![
        (json!(null), -32602, 400),
        (json!([]), -32602, 400),
        (json!({}), -32602, 400),
    ];
    let mut add = |member: &str, value: Option<Value>, code: i64| {
        // Errors in the optional members are errors of parameters.
        let is_required = member.contains("protocolVersion") || member.contains("Capabilities");
        let status = if is_required { 400 } else { 200 };
        faults.push((meta(member, value), code, status));
    };
    add(&version, None, -32602);
    add(&capabilities, None, -32602);
    for value in values()
        .into_iter()
        .chain([json!([MODERN]), json!(2026.0728)])
    {
        add(&version, Some(value), -32602);
    }
    for unknown in [
        "",
        "2025-11-25",
        "2026-07-27",
        "2026-07-28x",
        "2099-01-01",
        "latest",
    ] {
        add(&version, Some(json!(unknown)), -32022);
    }
    for value in values()
        .into_iter()
        .chain([json!("{}"), json!(["sampling"])])
    {
        if value != json!({}) {
            add(&capabilities, Some(value), -32602);
        }
    }
    for capability in ["sampling", "roots", "elicitation"] {
        for value in [json!(false), json!(true), json!(7), json!("yes"), json!([])] {
            add(&capabilities, Some(json!({ capability: value })), -32602);
        }
    }
    for mode in ["form", "url"] {
        for value in [json!(false), json!(7), json!([])] {
            let value = json!({ "elicitation": { mode: value } });
            add(&capabilities, Some(value), -32602);
        }
    }
    let level = format!("{PREFIX}/logLevel");
    for value in values()
        .into_iter()
        .chain(["", "loud", "DEBUG", "warn"].map(Value::from))
    {
        add(&level, Some(value), -32602);
    }
    for value in values().into_iter().chain([json!(1.5)]) {
        if value != json!(7) {
            add("progressToken", Some(value), -32602);
        }
    }
    for transport in ALL {
        let mut connection = Connection::open(transport, MODERN);
        for (meta, code, status) in &faults {
            for (method, params) in methods() {
                let message = request(method, &params, meta.clone());
                let outcome = connection.send_of(meta[&version].as_str(), &message);
                let reply = outcome.reply.unwrap();
                let place = format!("{transport:?} {method} {meta}: {reply}");
                assert_eq!(reply["error"]["code"], *code, "{place}");
                assert_eq!(reply["id"], 1, "{place}");
                assert!(outcome.status.is_none_or(|told| told == *status), "{place}");
                if *code == -32022 {
                    let data = json!({ "supported": [MODERN], "requested": meta[&version] });
                    assert_eq!(reply["error"]["data"], data, "{place}");
                }
            }
        }
        // A complete request is served, whatever came before it.
        let outcome = connection.request("tools/call", json!({ "name": "nothing" }));
        assert!(outcome.reply.unwrap()["result"].is_object());
    }
}

/// The name of a client is for display only: a request with a missing or malformed name is served as any other.
#[test]
fn who_asks_changes_nothing() {
    let info = format!("{PREFIX}/clientInfo");
    let capabilities = format!("{PREFIX}/clientCapabilities");
    let extended = json!({ "extensions": { "com.example/unheard-of": { "a": 1 } }, "experimental": { "b": {} }, "x": 7 });
    let named = ["Claude", "", "admin"].map(|name| json!({ "name": name, "version": "1" }));
    let malformed = [
        json!(null),
        json!(7),
        json!("admin"),
        json!([]),
        json!({}),
        json!({ "name": 7 }),
        json!({ "name": "x", "version": [] }),
    ];
    let mut metas = vec![meta(&info, None), meta(&capabilities, Some(extended))];
    metas.extend(
        named
            .into_iter()
            .chain(malformed)
            .map(|value| meta(&info, Some(value))),
    );
    for transport in ALL {
        let mut connection = Connection::open(transport, MODERN);
        for (method, params) in methods() {
            if method == "subscriptions/listen" {
                continue;
            }
            let plain = request(method, &params, meta("", None));
            let plain = ask(&mut connection, &plain);
            assert!(plain["result"].is_object(), "{method}: {plain}");
            for meta in &metas {
                let reply = ask(&mut connection, &request(method, &params, meta.clone()));
                assert_eq!(reply, plain, "{transport:?} {method} {meta}");
            }
        }
    }
}

#[test]
fn lists_are_the_same_on_every_connection_and_after_every_request() {
    let mut first = Vec::new();
    for transport in ALL {
        let mut connection = Connection::open(transport, MODERN);
        let mut lists = || {
            [
                "tools/list",
                "resources/list",
                "resources/templates/list",
                "prompts/list",
            ]
            .map(|method| connection.request(method, json!({})).reply.unwrap()["result"].clone())
        };
        let before = lists();
        first.push(before.clone());
        let announce = json!({ "name": "announce", "arguments": { "what": "tools" } });
        let mut connection = Connection::open(transport, MODERN);
        connection.request("tools/call", announce);
        connection.request("tools/call", json!({ "name": "panics" }));
        let after = connection.request("tools/list", json!({})).reply.unwrap()["result"].clone();
        assert_eq!(after, before[0], "{transport:?}");
    }
    assert_eq!(first[0], first[1]);
    assert_eq!(first[1], first[2]);
}

#[test]
fn an_id_belongs_to_its_connection() {
    let server = spawn_http();
    let mut long = call("wait", "x", &json!({}));
    long["params"]["arguments"] = json!({ "milliseconds": 300 });
    let mut short = call("echo_owned", "x", &json!({}));
    short["params"]["arguments"] = json!({ "text": "short" });
    let send = |message: &Value| {
        let headers = crate::connection::headers(MODERN, None, message);
        let headers: Vec<_> = headers.iter().map(|(a, b)| (&**a, &**b)).collect();
        let body = message.to_string();
        http::request(&server.address, "POST", "/mcp", &headers, body.as_bytes()).messages()
    };
    let (long, short) = std::thread::scope(|scope| {
        let long = scope.spawn(|| send(&long));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let short = send(&short);
        (long.join().unwrap(), short)
    });
    assert_eq!(text(&short[0]), "short");
    assert_eq!(text(&long[0]), "waited 300 ms");
}

#[test]
fn a_fresh_process_knows_of_no_subscription() {
    let message = |method: &str, params: Value| {
        let mut message = call("", "x", &json!({}));
        let meta = message["params"]["_meta"].take();
        message["params"] = params;
        message["params"]["_meta"] = meta;
        message["method"] = method.into();
        message
    };
    let listen = json!({ "notifications": { "toolsListChanged": true } });
    let announce = json!({ "name": "announce", "arguments": { "what": "tools" } });
    let mut announce = message("tools/call", announce);
    announce["id"] = 2.into();

    let mut old = spawn_stdio();
    old.write(format!("{}\n", message("subscriptions/listen", listen)).as_bytes());
    old.read().unwrap();
    drop(old);
    let mut new = spawn_stdio();
    new.write(format!("{announce}\n").as_bytes());
    let answer = new.read().unwrap();
    assert_eq!(answer["id"], 2, "{answer}");
}
