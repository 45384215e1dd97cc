//! `JSONTestSuite` in every place of a message where a client can put JSON or text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

use crate::files::{JsonFile, Verdict, json_files};
use crate::wires::{HttpConnection, HttpServer, StdioServer};

const PARSE_ERROR: i64 = -32700;
const HEADER_MISMATCH: i64 = -32020;

/// A place for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The file is the message.
    Message,
    /// The file is a value of a tool's arguments.
    Argument,
    /// The file is the arguments of a tool.
    Arguments,
    /// The file is the value of a prompt's argument.
    PromptArgument,
    /// The file is the text of a prompt's argument, which is parsed as JSON.
    PromptText,
    /// The file is the state that a client sends back.
    State,
    /// The file is the text of this state.
    StateText,
    /// The file is the text that `Mcp-Param-Text` repeats in base64.
    ParamHeader,
    /// The file is the name of a tool, which `Mcp-Name` repeats in base64.
    NameHeader,
}

use Place::{
    Argument, Arguments, Message, NameHeader, ParamHeader, PromptArgument, PromptText, State,
    StateText,
};

const PLACES: [Place; 9] = [
    Message,
    Argument,
    Arguments,
    PromptArgument,
    PromptText,
    State,
    StateText,
    ParamHeader,
    NameHeader,
];

/// A request with a file in one place.
struct Attack<'f> {
    place: Place,
    file: &'f JsonFile,
    body: Vec<u8>,
    headers: String,
}

impl<'f> Attack<'f> {
    /// Returns the request, or `None` if the file is not UTF-8 and the place is for texts.
    fn new(place: Place, file: &'f JsonFile) -> Option<Self> {
        let text = || {
            Some(
                json!(str::from_utf8(&file.bytes).ok()?)
                    .to_string()
                    .into_bytes(),
            )
        };
        // The markers that surround the file, and the file as it is written between them.
        let (method, name, template, inserted) = match place {
            Message => ("tools/call", "keep", "", file.bytes.clone()),
            Argument => (
                "tools/call",
                "keep",
                r#""arguments":{"value":@}"#,
                file.bytes.clone(),
            ),
            Arguments => ("tools/call", "keep", r#""arguments":@"#, file.bytes.clone()),
            PromptArgument => (
                "prompts/get",
                "show",
                r#""arguments":{"text":@}"#,
                file.bytes.clone(),
            ),
            PromptText => (
                "prompts/get",
                "show",
                r#""arguments":{"values":@}"#,
                text()?,
            ),
            State => (
                "tools/call",
                "confirm",
                r#""inputResponses":{},"requestState":@"#,
                file.bytes.clone(),
            ),
            StateText => (
                "tools/call",
                "confirm",
                r#""inputResponses":{},"requestState":@"#,
                text()?,
            ),
            ParamHeader => ("tools/call", "routed", r#""arguments":{"text":@}"#, text()?),
            NameHeader => ("tools/call", "", r#""name":@"#, text()?),
        };
        let body = if place == Message {
            inserted
        } else {
            request(method, name, template, &inserted)
        };
        let sentinel = format!("=?base64?{}?=", STANDARD.encode(&file.bytes));
        let name = if place == NameHeader { &sentinel } else { name };
        let mut headers = format!(
            "MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n"
        );
        if place == ParamHeader {
            headers.extend(["Mcp-Param-Text: ", &sentinel, "\r\n"]);
        }
        Some(Self {
            place,
            file,
            body,
            headers,
        })
    }

    fn name(&self) -> String {
        format!("{} as {:?}", self.file.name, self.place)
    }

    /// Fails if the reply accepts what must be refused, or refuses what must be accepted.
    fn judge(&self, reply: &Value) {
        let name = self.name();
        let code = reply["error"]["code"].as_i64();
        let is_refused = code.is_some() || reply["result"]["isError"] == true;
        assert_ne!(code, Some(-32603), "{name}: {reply}");
        let is_json = !matches!(
            self.place,
            PromptText | StateText | ParamHeader | NameHeader
        );
        match self.file.verdict {
            Verdict::Refused if is_json => assert!(is_refused, "{name}: {reply}"),
            Verdict::Either if is_json => {}
            _ => assert_ne!(code, Some(PARSE_ERROR), "{name}: {reply}"),
        }
        match self.place {
            // JSON allows repeated names, but an argument has one value.
            Argument if self.file.name.starts_with("y_object_duplicated_key") => {
                assert!(
                    reply.to_string().contains("is given twice"),
                    "{name}: {reply}"
                );
            }
            Argument if self.file.verdict == Verdict::Accepted => {
                let value = &reply["result"]["structuredContent"];
                let value = value.get("result").unwrap_or(value);
                let expected: Value = serde_json::from_slice(&self.file.bytes).unwrap();
                assert_eq!(*value, expected, "{name}: {reply}");
            }
            PromptText => {
                let values = serde_json::from_slice::<Vec<Value>>(&self.file.bytes);
                assert_eq!(values.is_err(), is_refused, "{name}: {reply}");
            }
            ParamHeader => {
                let text = reply["result"]["content"][0]["text"].as_str();
                assert_eq!(
                    text.map(str::as_bytes),
                    Some(&*self.file.bytes),
                    "{name}: {reply}"
                );
            }
            Message | State | StateText | NameHeader => {
                assert!(
                    is_refused && code != Some(HEADER_MISMATCH),
                    "{name}: {reply}"
                );
            }
            Argument | Arguments | PromptArgument => {}
        }
    }
}

/// Returns a request with bytes in place of the `@` of a template.
fn request(method: &str, name: &str, template: &str, inserted: &[u8]) -> Vec<u8> {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!(r#""name":"{name}","#)
    };
    let (before, after) = template.split_once('@').unwrap();
    let before = format!(
        r#"{{"jsonrpc":"2.0","id":"attack","method":"{method}","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}}}},{name}{before}"#
    );
    [before.as_bytes(), inserted, after.as_bytes(), b"}}"].concat()
}

fn attacks(files: &[JsonFile]) -> impl Iterator<Item = Attack<'_>> {
    let all = files
        .iter()
        .flat_map(|file| PLACES.map(|place| Attack::new(place, file)));
    all.flatten()
}

/// Returns `true` if a line is a message to the server, which it must answer.
fn is_message(line: &[u8]) -> bool {
    !line.trim_ascii().is_empty()
}

#[test]
fn every_file_is_answered_on_stdio() {
    let Some(files) = json_files() else { return };
    let mut server = StdioServer::start();
    let (mut answers, mut judged) = (0, 0);
    for attack in attacks(&files) {
        if matches!(attack.place, ParamHeader | NameHeader) {
            continue;
        }
        // A file with line breaks is several messages.
        let lines = attack.body.split(|byte| *byte == b'\n');
        let count = lines.filter(|line| is_message(line)).count();
        let replies = server.send(&attack.name(), &attack.body, count);
        assert_eq!(replies.len(), count, "{}: {replies:?}", attack.name());
        answers += replies.len();
        if let [reply] = &*replies {
            attack.judge(reply);
            judged += 1;
        }
    }
    server.end();
    println!(
        "{} files, {answers} answers on stdio, {judged} judged",
        files.len()
    );
    assert!(
        files.len() >= 318 && judged > 1900,
        "{} {judged}",
        files.len()
    );
}

#[test]
fn every_file_is_answered_over_http() {
    let Some(files) = json_files() else { return };
    let mut server = HttpServer::start(&[]);
    let mut connection = HttpConnection::open(&server.address);
    let (mut judged, mut too_large) = (0, 0);
    for attack in attacks(&files) {
        let name = attack.name();
        let response = connection.post(&attack.headers, &attack.body);
        if response.status == 431 {
            assert!(attack.headers.len() > 60_000, "{name}: {response:?}");
            too_large += 1;
        } else {
            let reply: Value = serde_json::from_slice(&response.body).expect(&name);
            let conversation = Conversation::new(MODERN);
            conversation.sent(&attack.body);
            assert_eq!(conversation.receive(&reply), Ok(()), "{name}");
            attack.judge(&reply);
            judged += 1;
        }
        connection.is_served(&name);
    }
    server.is_alive();
    println!(
        "{} files, {judged} judged over HTTP, {too_large} headers too large",
        files.len()
    );
    assert!(judged > 2600, "{judged}");
}

/// Base64 that is not UTF-8, or not base64, is a header mismatch.
#[test]
fn a_header_that_cannot_be_decoded_is_a_mismatch() {
    let Some(files) = json_files() else { return };
    let server = HttpServer::start(&[]);
    let mut connection = HttpConnection::open(&server.address);
    let mut refused = 0;
    for file in files
        .iter()
        .filter(|file| str::from_utf8(&file.bytes).is_err())
    {
        let sentinel = format!("=?base64?{}?=", STANDARD.encode(&file.bytes));
        let headers = format!("MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\n");
        for (headers, body) in [
            (
                format!("{headers}Mcp-Name: {sentinel}\r\n"),
                request("tools/call", "", r#""name":@"#, br#""x""#),
            ),
            (
                format!("{headers}Mcp-Name: routed\r\nMcp-Param-Text: {sentinel}\r\n"),
                request(
                    "tools/call",
                    "routed",
                    r#""arguments":{"text":@}"#,
                    br#""x""#,
                ),
            ),
        ] {
            let response = connection.post(&headers, &body);
            let reply: Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!(
                reply["error"]["code"], HEADER_MISMATCH,
                "{}: {reply}",
                file.name
            );
            connection.is_served(&file.name);
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
}
