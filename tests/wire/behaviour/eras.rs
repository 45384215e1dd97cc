//! Sessions and stateless requests side by side: the data of one client never applies to another.

use serde_json::{Value, json};

use crate::connection::{
    Connection, HttpServer, MODERN, Outcome, Transport, headers, revisions, spawn_http,
};
use crate::http::{self, Exchange};

const ALL: [Transport; 3] = [Transport::Memory, Transport::Stdio, Transport::Http];
const PREFIX: &str = "io.modelcontextprotocol";
const README: &str = "text://readme";

/// A client and the data that it sends about itself.
#[derive(Debug, Clone)]
struct Client {
    name: &'static str,
    revision: String,
    can_sample: bool,
    level: Option<&'static str>,
}

impl Client {
    fn capabilities(&self) -> Value {
        if self.can_sample {
            json!({ "sampling": {}, "roots": {}, "elicitation": { "form": {}, "url": {} } })
        } else {
            json!({})
        }
    }

    /// A request with the data about the client that its revision sends.
    fn request(&self, method: &str, mut params: Value) -> Value {
        if self.revision == MODERN {
            let mut meta = json!({});
            meta[format!("{PREFIX}/protocolVersion")] = MODERN.into();
            meta[format!("{PREFIX}/clientCapabilities")] = self.capabilities();
            if !self.name.is_empty() {
                let info = json!({ "name": self.name, "version": "9" });
                meta[format!("{PREFIX}/clientInfo")] = info;
            }
            if let Some(level) = self.level {
                meta[format!("{PREFIX}/logLevel")] = level.into();
            }
            params["_meta"] = meta;
        } else {
            // Without a version or capabilities these keys mean nothing in a session.
            let mut meta = json!({});
            meta[format!("{PREFIX}/logLevel")] = "debug".into();
            if !self.name.is_empty() {
                meta[format!("{PREFIX}/clientInfo")] =
                    json!({ "name": "intruder", "version": "9" });
            }
            params["_meta"] = meta;
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    /// Checks that calls are served with the data of this client.
    fn check(&self, send: &mut dyn FnMut(&Value) -> Outcome) {
        let mut call = |tool: &str, arguments: Value| {
            let params = json!({ "name": tool, "arguments": arguments });
            let outcome = send(&self.request("tools/call", params));
            let reply = outcome.reply.unwrap();
            (reply, outcome.notifications)
        };
        let (reply, told) = call("caller", json!({}));
        let expected = format!("{} {} 1 None None", self.name, self.revision);
        assert_eq!(reply["result"]["content"][0]["text"], expected, "{self:?}");
        assert_eq!(told, [Value::Null; 0], "{self:?}");

        let (reply, _) = call("samples", json!({}));
        let is_served = reply["result"]["content"][0]["text"] == "the client can sample";
        assert_eq!(is_served, self.can_sample, "{self:?}: {reply}");

        let (_, told) = call("logs", json!({}));
        let levels: Vec<_> = told.iter().map(|told| &told["params"]["level"]).collect();
        assert_eq!(levels, self.logged(), "{self:?}");

        let (reply, told) = call("half", json!({ "number": 4 }));
        let is_structured = reply["result"].get("structuredContent").is_some();
        assert_eq!(is_structured, *self.revision >= *"2025-06-18", "{self:?}");
        let is_modern = reply["result"].get("resultType").is_some();
        assert_eq!(is_modern, self.revision == MODERN, "{self:?}");
        assert_eq!(told, [Value::Null; 0], "{self:?}: a late message");
    }

    /// The levels of the messages of `logs` that the client receives.
    fn logged(&self) -> &'static [&'static str] {
        match self.level {
            Some("debug") => &["debug", "warning", "error"],
            Some("warning") => &["warning", "error"],
            Some("error") => &["error"],
            _ => &[],
        }
    }
}

fn client(name: &'static str, revision: &str, can_sample: bool, level: &'static str) -> Client {
    Client {
        name,
        revision: revision.to_owned(),
        can_sample,
        level: Some(level).filter(|level| !level.is_empty()),
    }
}

/// Stateless clients, with no, all and some optional data.
fn stateless() -> [Client; 3] {
    [
        client("", MODERN, false, ""),
        client("new", MODERN, true, "debug"),
        client("other", MODERN, false, "error"),
    ]
}

/// The session has all capabilities and the requests have none, and the reverse.
#[test]
fn a_stateless_request_beside_a_session_takes_nothing_from_it_and_leaves_nothing() {
    for transport in ALL {
        for revision in revisions().filter(|revision| *revision != MODERN) {
            for session in [
                client("old", revision, true, "debug"),
                client("old", revision, false, "emergency"),
            ] {
                let capabilities = session.capabilities();
                let mut connection =
                    Connection::open_as(transport, revision, session.name, &capabilities);
                let level = json!({ "level": session.level });
                let set = connection.request("logging/setLevel", level);
                assert_eq!(set.reply.unwrap()["result"], json!({}));
                for with_session in [false, true] {
                    for one in stateless() {
                        one.check(&mut |message| connection.send_beside(message, with_session));
                        session.check(&mut |message| connection.send(message));
                    }
                }
            }
        }
    }
}

fn post(
    server: &HttpServer,
    revision: &str,
    session: Option<&str>,
    message: &Value,
) -> http::Answer {
    let headers = headers(revision, session, message);
    let headers: Vec<_> = headers.iter().map(|(a, b)| (&**a, &**b)).collect();
    let body = message.to_string();
    http::request(&server.address, "POST", "/mcp", &headers, body.as_bytes())
}

fn begin(server: &HttpServer, client: &Client) -> String {
    let info = json!({ "name": client.name, "version": "9" });
    let params = json!({ "protocolVersion": client.revision, "capabilities": client.capabilities(), "clientInfo": info });
    let answer = post(
        server,
        &client.revision,
        None,
        &client.request("initialize", params),
    );
    let session = answer.header("mcp-session-id").unwrap().to_owned();
    if let Some(level) = client.level {
        let set = client.request("logging/setLevel", json!({ "level": level }));
        let set = post(server, &client.revision, Some(&session), &set);
        assert_eq!(set.messages()[0]["result"], json!({}));
    }
    session
}

/// Clients of one endpoint, some with a session.
fn clients(server: &HttpServer) -> Vec<(Client, Option<String>)> {
    let sessions = [
        client("a", "2025-11-25", true, "debug"),
        client("b", "2025-11-25", false, "emergency"),
        client("c", "2025-06-18", false, "error"),
        client("d", "2024-11-05", true, "warning"),
    ];
    let sessions = sessions.map(|client| (begin(server, &client), client));
    let sessions = sessions.map(|(session, client)| (client, Some(session)));
    let without = stateless().into_iter().map(|client| (client, None));
    // A request without a session and without a version is served in the oldest revision over HTTP.
    let bare = (client("", "2025-03-26", false, ""), None);
    sessions.into_iter().chain(without).chain([bare]).collect()
}

#[test]
fn a_call_is_served_for_its_own_session_in_any_order() {
    let server = spawn_http();
    let clients = clients(&server);
    let check = |(client, session): &(Client, Option<String>)| {
        client.check(&mut |message| {
            let session = session.as_deref();
            (&post(&server, &client.revision, session, message)).into()
        });
    };
    for one in &clients {
        for other in &clients {
            check(one);
            check(other);
        }
    }
    std::thread::scope(|scope| {
        for one in &clients {
            scope.spawn(|| (0..10).for_each(|_| check(one)));
        }
    });
    // The end of one session does not affect the others.
    let id = clients[0].1.as_deref().unwrap();
    let ended = [("Mcp-Session-Id", id)];
    let ended = http::request(&server.address, "DELETE", "/mcp", &ended, b"");
    assert_eq!(ended.status, 204);
    clients[1..].iter().for_each(check);
}

#[test]
fn a_session_is_told_of_its_own_subscriptions_only() {
    let server = spawn_http();
    let legacy = |name| client(name, "2025-11-25", false, "");
    let [one, other] = ["one", "other"].map(|name| begin(&server, &legacy(name)));
    let request = |session: &str, method: &str, params: Value| {
        let message = legacy("").request(method, params);
        let answer = post(&server, "2025-11-25", Some(session), &message);
        assert!(answer.messages()[0]["result"].is_object(), "{answer:?}");
    };
    let announce = |what: &str| {
        let arguments = json!({ "name": "announce", "arguments": { "what": what } });
        let message = stateless()[0].request("tools/call", arguments);
        assert_eq!(post(&server, MODERN, None, &message).status, 200);
    };
    let mut streams = [&one, &other].map(|session| Exchange::of_session(&server.address, session));
    let readme = json!({ "uri": README });
    for (session, method, heard) in [
        (&one, "resources/subscribe", [true, false]),
        // A session cannot end the subscription of another.
        (&other, "resources/unsubscribe", [true, false]),
        (&other, "resources/subscribe", [true, true]),
        (&one, "resources/unsubscribe", [false, true]),
        (&other, "resources/unsubscribe", [false, false]),
    ] {
        request(session, method, readme.clone());
        announce(README);
        announce("tools");
        for (stream, heard) in streams.iter_mut().zip(heard) {
            if heard {
                assert_eq!(stream.next()["params"], readme, "{method}");
            }
            let next = stream.next();
            assert_eq!(
                next["method"], "notifications/tools/list_changed",
                "{method}"
            );
        }
    }
}
