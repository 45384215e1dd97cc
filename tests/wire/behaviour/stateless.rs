//! 2026-07-28 on any connection: a request stands for itself, whatever came before it and wherever it goes.

use serde_json::{Value, json};

use crate::connection::{Connection, MODERN, Transport, spawn_http, spawn_stdio};
use crate::http;

const ALL: [Transport; 3] = [Transport::Memory, Transport::Stdio, Transport::Http];
const PREFIX: &str = "io.modelcontextprotocol";

/// A call of `tool` by a client of this name that can do this.
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
        // The next client on the same connection did not say so.
        let reply = ask(&mut connection, &call("samples", "unable", &json!({})));
        assert_eq!(reply["error"]["code"], -32021, "{transport:?}: {reply}");
        for (name, expected) in [("one", "one"), ("other", "other"), ("one", "one")] {
            let reply = ask(&mut connection, &call("caller", name, &json!({})));
            assert_eq!(text(&reply).split(' ').next(), Some(expected));
        }
        // Neither did this one say its version, nor its capabilities.
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

#[test]
fn who_asks_changes_nothing() {
    let mut connection = Connection::open(Transport::Stdio, MODERN);
    let mut answers = Vec::new();
    for name in ["wire", "Claude", "", "admin"] {
        let mut message = call("report", name, &json!({}));
        message["params"]["arguments"] =
            json!({ "report": { "title": "a", "points": [], "unit": "metric" } });
        answers.push(ask(&mut connection, &message));
        message["method"] = "tools/list".into();
        answers.push(ask(&mut connection, &message));
    }
    for pair in answers.windows(3) {
        assert_eq!(pair[0], pair[2]);
    }
}

#[test]
fn an_extension_of_the_client_alone_changes_nothing() {
    let mut connection = Connection::open(Transport::Stdio, MODERN);
    let plain = ask(&mut connection, &call("numbers", "x", &json!({})));
    let extended = json!({ "extensions": { "com.example/unheard-of": { "a": 1 } }, "experimental": { "b": {} } });
    assert_eq!(
        ask(&mut connection, &call("numbers", "x", &extended)),
        plain
    );
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
