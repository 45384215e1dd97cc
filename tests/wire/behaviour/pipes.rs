//! stdio: invalid lines, concurrent calls, cancellation, and the end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::connection::{StdioServer, describe, spawn_stdio, wait};

fn request(id: Value, method: &str, mut params: Value) -> String {
    describe(&mut params);
    format!(
        "{}\n",
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    )
}

fn call(id: i64, tool: &str, arguments: Value) -> String {
    request(
        json!(id),
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
}

fn text(reply: &Value) -> &str {
    reply["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
}

impl StdioServer {
    fn ask(&mut self, line: &str) -> Value {
        self.write(line.as_bytes());
        self.read().expect("an answer")
    }

    /// Sends a call, and returns the ids of other answers that come before its own.
    fn answers_before_the_next(&mut self) -> Vec<i64> {
        let mut ids = Vec::new();
        let mut next = self.ask(&call(4, "nothing", json!({})));
        while next["id"] != 4 {
            ids.push(next["id"].as_i64().unwrap());
            next = self.read().unwrap();
        }
        ids
    }

    fn is_well(&mut self) {
        let reply = self.ask(&call(4711, "echo_owned", json!({ "text": "well" })));
        assert_eq!(reply["id"], 4711, "{reply}");
        assert_eq!(text(&reply), "well");
    }
}

#[test]
fn a_line_that_is_no_message_gets_its_error_and_the_next_is_served() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#,
        "[".repeat(65),
        "]".repeat(65)
    );
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#,
        "x".repeat(5 << 20)
    );
    let cases: [(&[u8], i64, Value); 19] = [
        (b"{", -32700, Value::Null),
        (b"nonsense", -32700, Value::Null),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} {}",
            -32700,
            Value::Null,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}",
            -32700,
            Value::Null,
        ),
        (b"{\"jsonrpc\":1,\"id\":1,", -32700, Value::Null),
        (b"[]", -32600, Value::Null),
        (
            b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
            -32600,
            Value::Null,
        ),
        (b"5", -32600, Value::Null),
        (b"{}", -32600, Value::Null),
        (
            b"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
            -32600,
            json!(1),
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
            -32600,
            Value::Null,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
            -32600,
            Value::Null,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}",
            -32600,
            Value::Null,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}",
            -32600,
            Value::Null,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}",
            -32600,
            Value::Null,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":7}",
            -32600,
            json!("a"),
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}",
            -32600,
            Value::Null,
        ),
        (deep.as_bytes(), -32600, json!(1)),
        (long.as_bytes(), -32600, json!(1)),
    ];
    let mut server = spawn_stdio();
    for (line, code, id) in cases {
        server.write(line);
        server.write(b"\n");
        let reply = server.read().expect("an answer");
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]);
        assert_eq!(reply["error"]["code"], code, "{shown}: {reply}");
        assert_eq!(reply["id"], id, "{shown}: {reply}");
        assert_eq!(reply.get("id").is_some(), !id.is_null(), "{shown}: {reply}");
        server.is_well();
    }
}

#[test]
fn responses_and_notifications_are_never_answered() {
    let mut server = spawn_stdio();
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/unheard/of"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"nothing"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}"#,
        "",
        "   \r",
    ] {
        server.write(format!("{line}\n").as_bytes());
        server.is_well();
    }
}

#[test]
fn ids_keep_their_type() {
    let mut server = spawn_stdio();
    for id in [
        json!(0),
        json!(-1),
        json!("1"),
        json!(""),
        json!("a\"\n\u{e9}"),
        json!(i64::MAX),
    ] {
        let reply = server.ask(&request(id.clone(), "server/discover", json!({})));
        assert_eq!(reply["id"], id);
    }
    let whole = request(json!(1), "server/discover", json!({})).replace("\"id\":1", "\"id\":1.0");
    assert_eq!(server.ask(&whole)["id"], 1);
}

#[test]
fn the_last_line_needs_no_end_and_the_first_may_have_a_mark() {
    let mut server = spawn_stdio();
    server.write(b"\xef\xbb\xbf");
    server.is_well();
    let crlf = call(1, "echo_owned", json!({ "text": "a" })).replace('\n', "\r\n");
    assert_eq!(text(&server.ask(&crlf)), "a");
    let last = call(2, "echo_owned", json!({ "text": "b" }));
    server.write(last.trim_end().as_bytes());
    drop(server.input.take());
    assert_eq!(text(&server.read().unwrap()), "b");
    assert_eq!(server.read(), None);
    assert!(wait(&mut server.child, Duration::from_secs(2)).is_some_and(|status| status.success()));
}

#[test]
fn both_eras_live_in_one_process() {
    let mut server = spawn_stdio();
    let bare = |id: i64, method: &str| {
        format!(
            "{}\n",
            json!({ "jsonrpc": "2.0", "id": id, "method": method })
        )
    };
    let reply = server.ask(&bare(1, "tools/list"));
    assert_eq!(reply["error"]["code"], -32602);
    let message = reply["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("initialize")
            && message.contains("io.modelcontextprotocol/protocolVersion")
    );
    assert_eq!(server.ask(&bare(2, "ping"))["result"], json!({}));
    let client = json!({ "name": "old", "version": "1" });
    let params =
        json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client });
    let handshake = json!({ "jsonrpc": "2.0", "id": 3, "method": "initialize", "params": params });
    assert_eq!(
        server.ask(&format!("{handshake}\n"))["result"]["protocolVersion"],
        "2024-11-05"
    );
    assert!(
        server.ask(&bare(4, "tools/list"))["result"]
            .get("resultType")
            .is_none()
    );
    let modern = server.ask(&request(json!(5), "tools/list", json!({})));
    assert_eq!(modern["result"]["resultType"], "complete");
    let caller = json!({ "jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": { "name": "caller" } });
    assert_eq!(
        text(&server.ask(&format!("{caller}\n"))),
        "old 2024-11-05 6 None None"
    );
    let unknown = request(json!(7), "tools/list", json!({})).replace("2026-07-28", "2099-01-01");
    let reply = server.ask(&unknown);
    assert_eq!(reply["error"]["code"], -32022);
    assert_eq!(
        reply["error"]["data"],
        json!({ "supported": ["2026-07-28"], "requested": "2099-01-01" })
    );
}

#[test]
fn a_slow_call_does_not_keep_others_waiting() {
    let mut server = spawn_stdio();
    server.write(call(1, "wait", json!({ "milliseconds": 400 })).as_bytes());
    server.write(call(2, "sleep_blocking", json!({ "milliseconds": 400 })).as_bytes());
    server.write(call(3, "nothing", json!({})).as_bytes());
    let begin = Instant::now();
    assert_eq!(server.read().unwrap()["id"], 3);
    let mut others = [
        server.read().unwrap()["id"].clone(),
        server.read().unwrap()["id"].clone(),
    ];
    others.sort_by_key(Value::as_i64);
    assert_eq!(others, [1, 2]);
    assert!(
        begin.elapsed() < Duration::from_millis(750),
        "the calls did not run concurrently"
    );
}

#[test]
fn a_cancelled_handler_is_dropped_and_never_answers() {
    let mut server = spawn_stdio();
    server.write(call(1, "wait", json!({ "milliseconds": 60_000 })).as_bytes());
    for not_cancelling in [
        "",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/other\",\"params\":{\"requestId\":1}}\n",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"1\"}}\n",
    ] {
        server.write(not_cancelling.as_bytes());
        let reply = server.ask(&call(1, "nothing", json!({})));
        assert_eq!(
            reply["error"]["code"], -32600,
            "an id in flight was accepted: {reply}"
        );
    }
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n");
    assert_eventually_dropped(&mut server, 1);
    let again = server.ask(&call(1, "echo_owned", json!({ "text": "free again" })));
    assert_eq!(text(&again), "free again");
}

#[test]
fn an_item_of_a_stream_does_not_wait_for_the_next_and_cancelling_drops_the_stream() {
    let mut server = spawn_stdio();
    let mut params = json!({ "name": "stream_waits", "_meta": { "progressToken": "t" } });
    crate::connection::describe(&mut params);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let first = server.ask(&format!("{message}\n"));
    assert_eq!(
        first["params"],
        json!({ "progressToken": "t", "progress": 1.0, "message": "one" })
    );
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n");
    assert_eventually_dropped(&mut server, 1);
}

/// A call of `chatter` with this duration, with progress and log messages.
fn chatter(id: i64, milliseconds: u32) -> String {
    let meta = json!({ "progressToken": id, "io.modelcontextprotocol/logLevel": "debug" });
    let arguments = json!({ "milliseconds": milliseconds });
    let params = json!({ "name": "chatter", "arguments": arguments, "_meta": meta });
    request(json!(id), "tools/call", params)
}

#[test]
fn a_cancelled_thread_that_goes_on_is_not_heard_any_more() {
    let mut server = spawn_stdio();
    server.write(chatter(1, 60_000).as_bytes());
    for _ in 0..10 {
        assert!(server.read().unwrap().get("method").is_some());
    }
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1,\"reason\":\"enough\"}}\n");
    // Earlier messages come before this answer; nothing comes after it.
    server.write(call(2, "nothing", json!({})).as_bytes());
    while server.read().unwrap().get("method").is_some() {}
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(20));
        server.is_well();
    }
}

#[test]
fn nothing_is_said_of_a_call_after_its_answer() {
    let mut server = spawn_stdio();
    for id in 0..20 {
        server.write(chatter(id, 30).as_bytes());
    }
    let mut answered = Vec::new();
    let mut progress = [0; 20];
    while answered.len() < 20 {
        let message = server.read().unwrap();
        let token = &message["params"]["progressToken"];
        if let Some(token) = token.as_u64() {
            assert!(!answered.contains(&token), "{message}");
            let value = message["params"]["progress"].as_f64().unwrap();
            // All lines are complete.
            #[allow(clippy::cast_possible_truncation)]
            let value = value as i64;
            let last = &mut progress[usize::try_from(token).unwrap()];
            assert!(value > *last, "{message}");
            *last = value;
        } else if let Some(id) = message["id"].as_u64() {
            answered.push(id);
        }
    }
    assert_eq!(progress, [30; 20], "the last value arrives");
    server.is_well();
}

/// Clients must not do so, but a server cannot tell which request owns the token: each is served as if it were alone.
#[test]
fn two_requests_with_one_progress_token_are_both_served() {
    let mut server = spawn_stdio();
    let meta = json!({ "progressToken": "same" });
    for (id, steps) in [(1, 30), (2, 20)] {
        let params =
            json!({ "name": "chatter", "arguments": { "milliseconds": steps }, "_meta": meta });
        server.write(request(json!(id), "tools/call", params).as_bytes());
    }
    let (mut answered, mut progress) = (Vec::new(), 0);
    while answered.len() < 2 {
        let message = server.read().unwrap();
        if message["method"] == "notifications/progress" {
            assert_eq!(message["params"]["progressToken"], "same");
            progress += 1;
        } else if let Some(id) = message["id"].as_u64() {
            assert!(message["result"].is_object(), "{message}");
            answered.push(id);
        }
    }
    answered.sort_unstable();
    assert_eq!((answered, progress), (vec![1, 2], 50));
    server.is_well();
}

#[test]
fn cancelling_too_early_too_late_twice_or_the_handshake_does_no_harm() {
    let mut server = spawn_stdio();
    let cancel = |id: i64| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id}}}}}\n"
        )
    };
    // Before the request.
    server.write(cancel(1).as_bytes());
    assert_eq!(
        text(&server.ask(&call(1, "echo_owned", json!({ "text": "a" })))),
        "a"
    );
    // After the end of the request, and again.
    server.write(cancel(1).repeat(2).as_bytes());
    server.is_well();
    // Twice while the request runs.
    server.write(call(2, "wait", json!({ "milliseconds": 60_000 })).as_bytes());
    server.write(cancel(2).repeat(2).as_bytes());
    assert_eventually_dropped(&mut server, 1);
    // While another one runs.
    server.write(call(7, "wait", json!({ "milliseconds": 100 })).as_bytes());
    server.write(format!("{}{}", cancel(2), cancel(99)).as_bytes());
    assert_eq!(server.read().unwrap()["id"], 7);
    // At the moment of the end: there is one answer or none, never two.
    let mut answered = Vec::new();
    for round in 0..50 {
        let id = 100 + i64::try_from(round).unwrap();
        server.write(call(id, "wait", json!({ "milliseconds": 1 })).as_bytes());
        std::thread::sleep(Duration::from_micros(800 + 10 * round));
        server.write(cancel(id).as_bytes());
        answered.extend(server.answers_before_the_next());
    }
    std::thread::sleep(Duration::from_millis(50));
    answered.extend(server.answers_before_the_next());
    answered.sort_unstable();
    let count = answered.len();
    answered.dedup();
    assert_eq!(answered.len(), count, "answered twice");
    let client = json!({ "name": "old", "version": "1" });
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let handshake = json!({ "jsonrpc": "2.0", "id": 5, "method": "initialize", "params": params });
    server.write(format!("{}{handshake}\n{}", cancel(5), cancel(5)).as_bytes());
    assert_eq!(server.read().unwrap()["id"], 5);
    let list = "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"prompts/list\"}\n";
    assert!(server.ask(list)["result"]["prompts"].is_array());
}

#[test]
fn what_is_no_message_is_text_on_stderr() {
    let mut server = crate::connection::spawn_stdio_with(std::process::Stdio::piped());
    for tool in ["prints", "panics", "panics_blocking"] {
        assert_eq!(server.ask(&call(1, tool, json!({})))["id"], 1);
    }
    drop(server.input.take());
    assert_eq!(server.read(), None);
    let mut errors = Vec::new();
    let mut stderr = server.child.stderr.take().unwrap();
    std::io::Read::read_to_end(&mut stderr, &mut errors).unwrap();
    let errors = String::from_utf8(errors).expect("UTF-8");
    for part in ["this is no message", "a secret"] {
        assert!(errors.contains(part), "{part:?} is not in {errors:?}");
    }
}

#[test]
fn a_cancelled_thread_learns_of_it() {
    let mut server = spawn_stdio();
    server.write(call(1, "wait_blocking", json!({ "milliseconds": 60_000 })).as_bytes());
    std::thread::sleep(Duration::from_millis(50));
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n");
    assert_eventually_dropped(&mut server, 1);
}

fn assert_eventually_dropped(server: &mut StdioServer, count: u32) {
    for attempt in 0..200 {
        let reply = server.ask(&call(1000 + attempt, "dropped", json!({})));
        assert_eq!(
            reply["id"],
            1000 + attempt,
            "a cancelled call was answered: {reply}"
        );
        if text(&reply) == count.to_string() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the handler was not dropped");
}

#[test]
fn calls_in_flight_are_answered_at_the_end() {
    let mut server = spawn_stdio();
    server.write(call(1, "wait", json!({ "milliseconds": 300 })).as_bytes());
    drop(server.input.take());
    assert_eq!(text(&server.read().unwrap()), "waited 300 ms");
    let answered = Instant::now();
    assert_eq!(server.read(), None);
    let status = wait(&mut server.child, Duration::from_secs(2)).expect("the server ends");
    assert!(status.success());
    assert!(
        answered.elapsed() < Duration::from_millis(100),
        "the server ended after {:?}",
        answered.elapsed()
    );
}

#[test]
fn a_thread_that_goes_on_does_not_keep_the_process() {
    let mut server = spawn_stdio();
    server.write(call(1, "sleep_blocking", json!({ "milliseconds": 30_000 })).as_bytes());
    server.is_well();
    let begin = Instant::now();
    drop(server.input.take());
    assert!(
        wait(&mut server.child, Duration::from_secs(7)).is_some(),
        "the server waits for the thread"
    );
    let took = begin.elapsed();
    assert!(
        took > Duration::from_millis(4_900) && took < Duration::from_millis(5_500),
        "the grace was {took:?}"
    );
}

#[test]
fn a_thread_that_was_cancelled_does_not_keep_the_process() {
    let mut server = spawn_stdio();
    server.write(call(1, "sleep_blocking", json!({ "milliseconds": 30_000 })).as_bytes());
    server.is_well();
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n");
    server.is_well();
    let begin = Instant::now();
    drop(server.input.take());
    assert!(
        wait(&mut server.child, Duration::from_secs(2)).is_some(),
        "the server waits for the thread"
    );
    assert!(
        begin.elapsed() < Duration::from_millis(100),
        "the end took {:?}",
        begin.elapsed()
    );
}

#[test]
fn many_messages_in_one_write_are_all_answered() {
    let mut server = spawn_stdio();
    let mut input = server.input.take().unwrap();
    let conversation = server.conversation.clone();
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        let lines: String = (0..20_000)
            .map(|id| call(id, "echo_borrowed", json!({ "text": format!("{id}\n") })))
            .collect();
        conversation.wrote(lines.as_bytes());
        // The input is split anywhere, as in a pipe.
        for piece in lines.as_bytes().chunks(7_919) {
            input.write_all(piece).unwrap();
        }
        input
    });
    let mut answered = vec![false; 20_000];
    for _ in 0..20_000 {
        let reply = server.read().unwrap();
        let id = usize::try_from(reply["id"].as_u64().unwrap()).unwrap();
        assert_eq!(text(&reply), format!("{id}\n"));
        assert!(
            !std::mem::replace(&mut answered[id], true),
            "{id} was answered twice"
        );
    }
    drop(writer.join().unwrap());
    assert_eq!(server.read(), None);
}

#[test]
fn a_panic_is_one_masked_error() {
    let mut server = spawn_stdio();
    for tool in ["panics", "panics_blocking", "stream_panics"] {
        let reply = server.ask(&call(1, tool, json!({})));
        assert_eq!(reply["result"]["isError"], true);
        assert!(
            text(&reply).starts_with("The tool failed unexpectedly (reference "),
            "{reply}"
        );
        assert!(!reply.to_string().contains("secret"), "{reply}");
        server.is_well();
    }
}
