//! Notifications of changes: on streams of subscriptions, in sessions, and nowhere else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::connection::{
    HttpServer, MODERN, StdioServer, describe, headers, spawn_http, spawn_stdio, wait,
};
use crate::http::{Exchange, open, request};

const LEGACY: &str = "2025-11-25";
const README: &str = "text://readme";

fn message(id: &Value, method: &str, mut params: Value, revision: &str) -> Value {
    if revision == MODERN {
        describe(&mut params);
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn listen(id: &Value, wishes: &Value) -> Value {
    let params = json!({ "notifications": wishes });
    message(id, "subscriptions/listen", params, MODERN)
}

fn announce(id: i64, what: &str, revision: &str) -> Value {
    let params = json!({ "name": "announce", "arguments": { "what": what } });
    message(&json!(id), "tools/call", params, revision)
}

/// The notification without the tag of its subscription, which must be this one.
pub(super) fn untagged(mut notification: Value, id: &Value) -> (String, Value) {
    let meta = notification["params"]["_meta"].take();
    assert_eq!(
        meta["io.modelcontextprotocol/subscriptionId"], *id,
        "{meta}"
    );
    notification["params"]
        .as_object_mut()
        .unwrap()
        .remove("_meta");
    let method = notification["method"].as_str().unwrap().to_owned();
    (method, notification["params"].take())
}

fn list_changed(kind: &str) -> (String, Value) {
    (format!("notifications/{kind}/list_changed"), json!({}))
}

fn updated(uri: &str) -> (String, Value) {
    (
        "notifications/resources/updated".to_owned(),
        json!({ "uri": uri }),
    )
}

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

impl StdioServer {
    fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes());
    }

    /// Sends a request, and returns the messages up to its answer, which is the last.
    fn exchange(&mut self, message: &Value) -> Vec<Value> {
        self.send(message);
        let mut all = Vec::new();
        loop {
            let next = self.read().expect("an answer");
            let is_answer = next.get("method").is_none();
            all.push(next);
            if is_answer {
                return all;
            }
        }
    }
}

#[test]
fn over_stdio_each_subscription_gets_what_it_asked_for() {
    let mut server = spawn_stdio();
    let (first, second) = (json!("one"), json!(1));
    server.send(&listen(
        &first,
        &json!({ "toolsListChanged": true, "resourceSubscriptions": [README, "text://other"] }),
    ));
    let acknowledged = untagged(server.read().unwrap(), &first);
    let agreed = json!({ "notifications": { "toolsListChanged": true, "resourceSubscriptions": ["text://other", README] } });
    assert_eq!(acknowledged, (ACKNOWLEDGED.to_owned(), agreed));
    server.send(&listen(
        &second,
        &json!({ "promptsListChanged": true, "resourcesListChanged": false }),
    ));
    let acknowledged = untagged(server.read().unwrap(), &second);
    let agreed = json!({ "notifications": { "promptsListChanged": true } });
    assert_eq!(acknowledged, (ACKNOWLEDGED.to_owned(), agreed));

    for (what, expected) in [
        ("tools", Some((&first, list_changed("tools")))),
        ("prompts", Some((&second, list_changed("prompts")))),
        ("resources", None),
        (README, Some((&first, updated(README)))),
        ("text://nobody", None),
    ] {
        let mut all = server.exchange(&announce(7, what, MODERN));
        let answer = all.pop().unwrap();
        assert_eq!(answer["id"], 7);
        let heard: Vec<_> = all
            .into_iter()
            .map(|one| untagged(one, expected.as_ref().unwrap().0))
            .collect();
        assert_eq!(
            heard,
            Vec::from_iter(expected.map(|(_, change)| change)),
            "{what}"
        );
    }

    // A cancelled subscription receives nothing more; the other one does.
    server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "one" } }));
    assert_eq!(server.exchange(&announce(8, "tools", MODERN)).len(), 1);
    assert_eq!(server.exchange(&announce(9, "prompts", MODERN)).len(), 2);

    // At the end of input the server ends the other subscriptions, with a notification and then the result, without waiting.
    let began = Instant::now();
    drop(server.input.take());
    let (method, params) = untagged(server.read().unwrap(), &second);
    assert_eq!(
        (method.as_str(), params),
        ("notifications/cancelled", json!({ "requestId": 1 }))
    );
    let result = server.read().unwrap();
    assert_eq!(result["id"], 1);
    assert_eq!(
        result["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        1
    );
    assert!(wait(&mut server.child, Duration::from_secs(2)).is_some_and(|status| status.success()));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn over_stdio_a_session_is_told_without_listening() {
    let mut server = spawn_stdio();
    let client = json!({ "name": "x", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    server.exchange(&message(&json!(0), "initialize", params, LEGACY));
    let heard = |server: &mut StdioServer, what: &str| {
        let mut all = server.exchange(&announce(1, what, LEGACY));
        all.pop();
        all.into_iter()
            .map(|one| one["method"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        heard(&mut server, "tools"),
        ["notifications/tools/list_changed"]
    );
    assert_eq!(heard(&mut server, README), [""; 0]);
    for (method, uri, times) in [
        ("resources/subscribe", README, 1),
        ("resources/subscribe", README, 1),
        ("resources/unsubscribe", README, 0),
        ("resources/unsubscribe", README, 0),
    ] {
        let reply = server.exchange(&message(&json!(2), method, json!({ "uri": uri }), LEGACY));
        assert_eq!(reply[0]["result"], json!({}), "{method}");
        assert_eq!(heard(&mut server, README).len(), times, "{method}");
    }
    let unknown = json!({ "uri": "unknown://x" });
    let reply = server.exchange(&message(&json!(3), "resources/subscribe", unknown, LEGACY));
    assert_eq!(reply[0]["error"]["code"], -32002);
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn post(
    server: &HttpServer,
    message: &Value,
    session: Option<&str>,
    revision: &str,
) -> crate::http::Answer {
    let headers = headers(revision, session, message);
    request(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    )
}

pub(super) fn open_listen(server: &HttpServer, id: &Value, wishes: &Value) -> Exchange {
    let message = listen(id, wishes);
    let headers = headers(MODERN, None, &message);
    let body = message.to_string();
    open(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        body.as_bytes(),
    )
}

#[test]
fn over_http_streams_are_told_each_once_in_order() {
    let mut server = spawn_http();
    let all = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": [README] });
    // The same id on two connections names two subscriptions.
    let id = json!(1);
    let mut one = open_listen(&server, &id, &all);
    let mut other = open_listen(&server, &id, &json!({ "promptsListChanged": true }));
    assert_eq!(untagged(one.next(), &id).0, ACKNOWLEDGED);
    assert_eq!(untagged(other.next(), &id).0, ACKNOWLEDGED);

    let client = json!({ "name": "x", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    let opened = post(
        &server,
        &message(&json!(0), "initialize", params, LEGACY),
        None,
        LEGACY,
    );
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let subscribe = message(
        &json!(1),
        "resources/subscribe",
        json!({ "uri": README }),
        LEGACY,
    );
    post(&server, &subscribe, Some(&session), LEGACY);
    let mut legacy = Exchange::of_session(&server.address, &session);

    let changes = ["tools", README, "prompts", "tools", "resources"];
    for what in changes {
        let answer = post(&server, &announce(5, what, MODERN), None, MODERN);
        assert_eq!(
            answer.messages().len(),
            1,
            "the call itself gets no notification"
        );
    }
    let expected = [
        list_changed("tools"),
        updated(README),
        list_changed("prompts"),
        list_changed("tools"),
        list_changed("resources"),
    ];
    for expected in &expected {
        assert_eq!(untagged(one.next(), &id), *expected);
        assert_eq!(legacy.next()["method"], expected.0.as_str());
    }
    assert_eq!(untagged(other.next(), &id), list_changed("prompts"));

    // The end of the server ends them; those that began with a request get a result.
    let killed = std::process::Command::new("kill")
        .arg(server.child.id().to_string())
        .status();
    assert!(killed.unwrap().success());
    for stream in [&mut one, &mut other] {
        assert_eq!(stream.next()["id"], 1);
    }
    assert!(wait(&mut server.child, Duration::from_secs(2)).is_some_and(|status| status.success()));
}

#[test]
fn messages_about_a_call_come_with_its_answer_and_nowhere_else() {
    let server = spawn_http();
    let id = json!(1);
    let filter = json!({ "toolsListChanged": true, "promptsListChanged": true });
    let mut listening = open_listen(&server, &id, &filter);
    listening.next();
    let client = json!({ "name": "x", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    let opened = post(
        &server,
        &message(&json!(0), "initialize", params, LEGACY),
        None,
        LEGACY,
    );
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let mut beside = Exchange::of_session(&server.address, &session);

    let chatter = |number: u64, revision: &str| {
        let meta = json!({ "progressToken": number, "io.modelcontextprotocol/logLevel": "debug" });
        let params =
            json!({ "name": "chatter", "arguments": { "milliseconds": 50 }, "_meta": meta });
        message(&json!(number), "tools/call", params, revision)
    };
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (server, session) = (&server, &session);
            scope.spawn(move || {
                let (revision, session) = if number % 2 == 0 {
                    (MODERN, None)
                } else {
                    (LEGACY, Some(session.as_str()))
                };
                let mut messages =
                    post(server, &chatter(number, revision), session, revision).messages();
                assert_eq!(messages.pop().unwrap()["id"], number, "the answer is last");
                for told in &messages {
                    let token = &told["params"]["progressToken"];
                    assert!(token.is_null() || *token == number, "{told}");
                }
                let logged = |told: &&Value| told["method"] == "notifications/message";
                assert_eq!(messages.iter().filter(logged).count(), 50);
            });
        }
    });
    post(&server, &announce(7, "tools", MODERN), None, MODERN);
    assert_eq!(untagged(listening.next(), &id), list_changed("tools"));
    assert_eq!(
        beside.next()["method"],
        "notifications/tools/list_changed",
        "and no answer"
    );
}

#[test]
fn what_cannot_be_listened_for_is_refused() {
    let server = spawn_http();
    for wishes in [
        json!(null),
        json!([]),
        json!({ "toolsListChanged": "yes" }),
        json!({ "resourceSubscriptions": [1] }),
    ] {
        let answer = post(&server, &listen(&json!(1), &wishes), None, MODERN);
        assert_eq!(answer.messages()[0]["error"]["code"], -32602, "{wishes}");
    }
    let message = listen(&json!(1), &json!({}));
    let mut headers = headers(MODERN, None, &message);
    headers.retain(|(name, _)| name != "Accept");
    headers.push(("Accept".to_owned(), "application/json".to_owned()));
    let answer = request(
        &server.address,
        "POST",
        "/mcp",
        &borrowed(&headers),
        message.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 406);
}
