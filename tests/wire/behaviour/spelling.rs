//! Different spellings of a message, malformed responses, and the texts of refusals.

use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::connection::{MODERN, StdioServer, describe, headers, spawn_http, spawn_stdio};
use crate::http;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":"well","method":"ping"}"#;

/// The fixture on stdio with a session of the revision that has batches.
fn session() -> StdioServer {
    let mut server = spawn_stdio();
    assert_eq!(ask(&mut server, INITIALIZE)["id"], "i");
    server
}

fn ask(server: &mut StdioServer, line: &str) -> Value {
    server.write(format!("{line}\n").as_bytes());
    server.read().expect("an answer")
}

fn message(reply: &Value) -> &str {
    reply["error"]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn strings_are_compared_after_they_are_decoded() {
    let mut server = session();
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"nothing"}}"#,
        r#"{"jsonrpc":"\u0032.0","id":1,"method":"ping"}"#,
        r#"{"\u006asonrpc":"2.0","i\u0064":1,"m\u0065thod":"\u0070ing","par\u0061ms":{"_m\u0065ta":{"progressToken":"\u0061"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"logging\/setLevel","params":{"level":"\u0064ebug"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"echo\u005fowned","arguments":{"te\u0078t":"a"}}}"#,
    ] {
        let reply = ask(&mut server, line);
        assert!(reply.get("result").is_some(), "{line}: {reply}");
        assert_eq!(reply["id"], 1, "{line}");
    }
    server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications\\/initialized\"}\n");
    // A request with an id in another spelling.
    let wait = r#"{"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{"name":"wait","arguments":{"milliseconds":20000}}}"#;
    server.write(format!("{wait}\n").as_bytes());
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications\/cancelled","params":{"requestId":"a"}}"#;
    server.write(format!("{cancel}\n").as_bytes());
    let again = ask(&mut server, &PING.replace("well", "a"));
    assert_eq!(
        again["result"],
        json!({}),
        "the call was cancelled: {again}"
    );
    let opening = INITIALIZE.replace("\"method\":\"initialize\"", r#""method":"\u0069nitialize""#);
    let in_a_batch = ask(&mut server, &format!("[{opening}]"));
    assert_eq!(in_a_batch[0]["error"]["code"], -32600, "{in_a_batch}");
}

#[test]
fn a_method_in_another_spelling_is_served_over_http() {
    let server = spawn_http();
    let mut call = json!({ "name": "nothing" });
    describe(&mut call);
    let plain = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
    let names = headers(MODERN, None, &plain);
    let names: Vec<(&str, &str)> = names.iter().map(|(n, v)| (&**n, &**v)).collect();
    let spelled = plain.to_string().replace("tools/call", "tools\\/call");
    let marked = format!("\u{feff}{plain}");
    for body in [spelled, marked] {
        let answer = http::request(&server.address, "POST", "/mcp", &names, body.as_bytes());
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
    }
}

/// Malformed messages that can be recognised as responses. The last two are too long and too deep.
fn malformed_responses() -> Vec<String> {
    let mut responses: Vec<String> = [
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","error":null}"#,
        r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
        r#"{"id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"r\u0065sult":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":[]}"#,
    ]
    .map(str::to_owned)
    .into();
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    responses.push(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{deep}}}"#));
    let long = "x".repeat(5 << 20);
    responses.push(format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{long}"}}"#));
    responses
}

#[test]
fn what_is_recognisably_a_response_is_never_answered() {
    let mut server = session();
    for response in malformed_responses() {
        let shown = &response[..response.len().min(80)];
        server.write(format!("{response}\n").as_bytes());
        assert_eq!(ask(&mut server, PING)["id"], "well", "{shown}");
        if response.len() < 1000 {
            server.write(format!("[{response}]\n").as_bytes());
            assert_eq!(ask(&mut server, PING)["id"], "well", "[{shown}]");
            let batch = ask(&mut server, &format!("[{response},{PING}]"));
            assert_eq!(batch.as_array().map(Vec::len), Some(1), "{shown}: {batch}");
        }
    }
}

#[test]
fn what_is_recognisably_a_response_is_accepted_over_http() {
    let server = spawn_http();
    let types = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    ];
    let opened = http::request(
        &server.address,
        "POST",
        "/mcp",
        &types,
        INITIALIZE.as_bytes(),
    );
    let session = opened.header("mcp-session-id").expect("a session");
    let mut known = types.to_vec();
    known.push(("Mcp-Session-Id", session));
    for response in malformed_responses() {
        let post = |body: &str| {
            let answer = http::request(&server.address, "POST", "/mcp", &known, body.as_bytes());
            (answer.status, answer.body)
        };
        let shown = &response[..response.len().min(80)];
        if response.len() > 4 << 20 {
            let (status, body) = post(&response);
            assert!(status == 413 && !body.contains("\"id\""), "{body}");
        } else {
            let accepted = (202, String::new());
            assert_eq!(post(&response), accepted, "{shown}");
            assert_eq!(post(&format!("[{response}]")), accepted, "[{shown}]");
        }
    }
}

#[tokio::test]
async fn what_is_recognisably_a_response_is_never_answered_in_memory() {
    let client = mcp_tests::fixture::server().connect().await;
    for response in malformed_responses() {
        let reply = client.send(&response).await.unwrap();
        assert_eq!(reply, None, "{}", &response[..response.len().min(80)]);
    }
}

#[test]
fn a_refusal_keeps_an_id_that_can_be_read() {
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let deep_object = format!("{}1{}", "{\"id\":".repeat(70), "}".repeat(70));
    let long = "x\\\"".repeat(2 << 20);
    let cases = [
        (format!(r#"{{"id":7,"params":{deep}}}"#), json!(7)),
        (
            format!(r#"{{"params":{deep},"id":"\u0061\"]"}}"#),
            json!("a\"]"),
        ),
        (
            format!(r#"{{"params":{deep_object},"i\u0064":7.0}}"#),
            json!(7),
        ),
        (format!(r#"{{"params":{deep_object}}}"#), Value::Null),
        (
            format!(r#"{{"id":7,"method":"ping","params":"{long}"}}"#),
            json!(7),
        ),
        (
            format!(r#"{{"params":["{long}",{{"id":1}}],"id" : "x:{{,"}}"#),
            json!("x:{,"),
        ),
        (format!(r#"{{"params":"{long}","id":null}}"#), Value::Null),
        (format!(r#"{{"params":"{long}","id":[7]}}"#), Value::Null),
        (format!(r#"{{"id":"{long}","method":"ping"}}"#), Value::Null),
        (
            format!(r#"{{"id":1,"params":"{long}","id":1.0}}"#),
            json!(1),
        ),
        (
            format!(r#"{{"id":1,"params":"{long}","id":2}}"#),
            Value::Null,
        ),
        (format!(r#"["{long}",{{"id":1}}]"#), Value::Null),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"ping"}"#.to_owned(),
            json!(7),
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"id":7,"method":"ping"}"#.to_owned(),
            json!(7),
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}"#.to_owned(),
            Value::Null,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","params":{},"params":{},"id":7}"#.to_owned(),
            json!(7),
        ),
    ];
    let mut server = spawn_stdio();
    for (line, id) in &cases {
        let reply = ask(&mut server, line);
        let shown = &line[..line.len().min(80)];
        assert_eq!(reply["error"]["code"], -32600, "{shown}: {reply}");
        assert_eq!(reply["id"], *id, "{shown}: {reply}");
        assert_eq!(reply.get("id").is_some(), !id.is_null(), "{shown}: {reply}");
    }
    // Over HTTP only the beginning of a body that is too long is read.
    let http = spawn_http();
    let types = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    ];
    for (body, id) in [&cases[0], &cases[1], &cases[4], &cases[12], &cases[14]] {
        let answer = http::request(&http.address, "POST", "/mcp", &types, body.as_bytes());
        let reply: Value = serde_json::from_str(&answer.body).unwrap();
        let status = if body.len() > 4 << 20 { 413 } else { 400 };
        assert_eq!((answer.status, &reply["id"]), (status, id), "{reply}");
    }
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn a_refusal_says_what_is_wrong_in_our_words() {
    let mut server = session();
    let completion = |params: &str| ("completion/complete".to_owned(), params.to_owned());
    let greet = r#""ref":{"type":"ref/prompt","name":"greet"}"#;
    let name = r#""argument":{"name":"name","value":""}"#;
    let cases = [
        (
            completion(&format!(r#"{{"ref":[],{name}}}"#)),
            "`params.ref` must be an object",
        ),
        (
            completion(&format!(r#"{{"ref":{{}},{name}}}"#)),
            "`params.ref.type` is missing",
        ),
        (
            completion(&format!(r#"{{"ref":{{"type":"x"}},{name}}}"#)),
            "`params.ref.type` must be \"ref/prompt\" or \"ref/resource\"",
        ),
        (
            completion(&format!(r#"{{"ref":{{"type":7}},{name}}}"#)),
            "`params.ref.type` must be a string",
        ),
        (
            completion(&format!(
                r#"{{"ref":{{"type":"ref/prompt","name":7}},{name}}}"#
            )),
            "`params.ref.name` must be a string",
        ),
        (
            completion(&format!(r#"{{"ref":{{"type":"ref\/resource"}},{name}}}"#)),
            "`params.ref.uri` is missing",
        ),
        (
            completion(&format!(
                r#"{{"ref":{{"type":"ref/prompt","name":"greet","name":"greet"}},{name}}}"#
            )),
            "`params.ref.name` is given twice",
        ),
        (
            completion(&format!("{{{greet}}}")),
            "`params.argument` is missing",
        ),
        (
            completion(&format!(r#"{{{greet},"argument":{{"name":"name"}}}}"#)),
            "`params.argument.value` is missing",
        ),
        (
            completion(&format!(
                r#"{{{greet},"argument":{{"name":7,"value":""}}}}"#
            )),
            "`params.argument.name` must be a string",
        ),
        (
            completion(&format!(r#"{{{greet},{name},"context":null}}"#)),
            "`params.context` must be an object",
        ),
        (
            completion(&format!(
                r#"{{{greet},{name},"context":{{"arguments":[]}}}}"#
            )),
            "`params.context.arguments` must be an object",
        ),
        (
            completion(&format!(
                r#"{{{greet},{name},"context":{{"arguments":{{"times":2}}}}}}"#
            )),
            "`params.context.arguments.times` must be a string",
        ),
        (
            (
                "prompts/get".into(),
                r#"{"name":"greet","arguments":[]}"#.into(),
            ),
            "`params.arguments` must be an object",
        ),
        (
            ("prompts/get".into(), r#"{"name":7}"#.into()),
            "`params.name` must be a string",
        ),
        (
            (
                "tools/call".into(),
                r#"{"name":"nothing","arguments":[]}"#.into(),
            ),
            "`params.arguments` must be an object",
        ),
        (
            ("ping".into(), r#"{"_meta":null}"#.into()),
            "`params._meta` must be an object",
        ),
        (
            ("ping".into(), r#"{"_meta":[]}"#.into()),
            "`params._meta` must be an object",
        ),
        (
            (
                "ping".into(),
                r#"{"_meta":{"progressToken":1,"progressToken":1}}"#.into(),
            ),
            "`params._meta.progressToken` is given twice",
        ),
        (
            ("ping".into(), r#"{"name":1,"name":1}"#.into()),
            "`params.name` is given twice",
        ),
        (("ping".into(), "[]".into()), "`params` must be an object"),
    ];
    for ((method, params), expected) in cases {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let reply = ask(&mut server, &line);
        assert_eq!(reply["error"]["code"], -32602, "{line}: {reply}");
        assert!(message(&reply).contains(expected), "{line}: {reply}");
    }
    for (line, code, expected) in [
        ("{\"id\":1,\"id\":1}", -32600, "The message has `id` twice"),
        (
            "{\"id\":1",
            -32700,
            "The message is not JSON: it ends too early",
        ),
        (
            "{\"id\":01}",
            -32700,
            "The message is not JSON: `1` is unexpected at line 1, column 8",
        ),
        (
            "{\"é\":tru}",
            -32700,
            "The message is not JSON: `}` is unexpected at line 1, column 9",
        ),
        ("7", -32600, "A JSON-RPC message is an object"),
        (
            "[1,]",
            -32700,
            "The batch is not JSON: `]` is unexpected at line 1, column 4",
        ),
    ] {
        let reply = ask(&mut server, line);
        assert_eq!(reply["error"]["code"], code, "{line}: {reply}");
        assert!(message(&reply).contains(expected), "{line}: {reply}");
    }
}

#[test]
fn a_wish_to_listen_is_refused_in_our_words() {
    let mut server = spawn_stdio();
    for (wishes, expected) in [
        ("7", "`params.notifications` must be an object"),
        (
            r#"{"toolsListChanged":7}"#,
            "`params.notifications.toolsListChanged` must be true or false",
        ),
        (
            r#"{"resourceSubscriptions":7}"#,
            "`params.notifications.resourceSubscriptions` must be a list of strings",
        ),
        (
            r#"{"resourceSubscriptions":[7]}"#,
            "`params.notifications.resourceSubscriptions` must be a list of strings",
        ),
        (
            r#"{"toolsListChanged":true,"toolsListChanged":true}"#,
            "`params.notifications.toolsListChanged` is given twice",
        ),
    ] {
        let mut params = json!({});
        describe(&mut params);
        let meta = &params["_meta"];
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"_meta":{meta},"notifications":{wishes}}}}}"#
        );
        let reply = ask(&mut server, &line);
        assert!(message(&reply).contains(expected), "{line}: {reply}");
    }
}
