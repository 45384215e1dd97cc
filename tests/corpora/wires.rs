//! A server process on stdio, and one on HTTP. Every message that they send is validated.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};

const SERVER: &str = env!("CARGO_BIN_EXE_hostile-server");
/// The time after which a request counts as not answered.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// A call that every server must answer with 3.
pub(crate) fn good_call(id: &str) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": "add", "arguments": { "a": 1, "b": 2 }, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

#[track_caller]
fn is_good(reply: &Value, after: &str) {
    let sum = &reply["result"]["structuredContent"]["result"];
    assert!(sum == 3.0, "after {after}: {reply}");
}

/// A server on stdio.
pub(crate) struct StdioServer {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    conversation: Conversation,
    sent: u32,
}

impl StdioServer {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(SERVER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
            conversation: Conversation::new(MODERN),
            sent: 0,
        }
    }

    /// Sends bytes and then a good call, which must be answered, and the bytes with `count` messages. Large messages may be
    /// answered after the call.
    pub(crate) fn send(&mut self, name: &str, bytes: &[u8], count: usize) -> Vec<Value> {
        self.sent += 1;
        let id = format!("good-{}", self.sent);
        let bytes = [bytes, b"\n", good_call(&id).as_bytes(), b"\n"].concat();
        self.conversation.wrote(&bytes);
        self.input.as_mut().unwrap().write_all(&bytes).unwrap();
        let mut others = Vec::new();
        let mut is_served = false;
        while !is_served || others.len() < count {
            let message = self.receive(name);
            if message["id"] == *id {
                is_good(&message, name);
                is_served = true;
            } else {
                others.push(message);
            }
        }
        others
    }

    fn receive(&self, name: &str) -> Value {
        let line = self.lines.recv_timeout(SILENCE);
        let line = line.unwrap_or_else(|error| panic!("no answer after {name}: {error}"));
        let message: Value = serde_json::from_slice(&line)
            .unwrap_or_else(|error| panic!("{name}: {error}: {}", line.escape_ascii()));
        assert_eq!(self.conversation.receive(&message), Ok(()), "{name}");
        message
    }

    /// Closes stdin. The server must write nothing more, and end without an error.
    pub(crate) fn end(mut self) {
        drop(self.input.take());
        let more = self.lines.recv_timeout(SILENCE);
        assert!(more.is_err(), "{more:?}");
        assert!(self.child.wait().unwrap().success());
    }
}

/// A server on HTTP.
pub(crate) struct HttpServer {
    child: Child,
    pub(crate) address: String,
}

impl HttpServer {
    /// Starts the server, with these arguments before those for HTTP.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(SERVER)
            .args(arguments)
            .args(["--http", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // With port 0 the system chooses the port, and the server prints it.
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address.expect(&line).to_owned();
        // The stderr must be read, or the server would block on it.
        std::thread::spawn(move || errors.split(b'\n').for_each(drop));
        Self { child, address }
    }

    /// Fails if the process has ended.
    pub(crate) fn is_alive(&mut self) {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "the server has ended"
        );
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// `true` if the server closes the connection after it.
    pub(crate) closes: bool,
}

/// A connection that is kept.
pub(crate) struct HttpConnection {
    address: String,
    stream: BufReader<TcpStream>,
}

impl HttpConnection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        Self {
            address: address.to_owned(),
            stream: BufReader::new(stream),
        }
    }

    /// Posts a message with these headers besides the usual ones.
    pub(crate) fn post(&mut self, headers: &str, body: &[u8]) -> Response {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let response = read_response(&mut self.stream).expect("a response");
        if response.closes {
            *self = Self::open(&self.address);
        }
        response
    }

    /// Sends a good call on this connection.
    pub(crate) fn is_served(&mut self, after: &str) {
        let headers = format!(
            "MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: add\r\n"
        );
        let response = self.post(&headers, good_call("good").as_bytes());
        is_good(&serde_json::from_slice(&response.body).unwrap(), after);
    }
}

/// Reads a response, which must be well-formed. Returns `None` if the connection ends instead.
pub(crate) fn read_response(stream: &mut impl BufRead) -> Option<Response> {
    let line = read_line(stream);
    if line.is_empty() {
        return None;
    }
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .or(line.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("not a status line: {line:?}"));
    let (mut length, mut chunked, mut closes) = (0, false, line.starts_with("HTTP/1.0"));
    loop {
        let line = read_line(stream);
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "transfer-encoding" => chunked = value == "chunked",
            "connection" => closes |= value == "close",
            _ => {}
        }
    }
    let mut body = Vec::new();
    while chunked {
        let size = usize::from_str_radix(read_line(stream).trim_end(), 16).unwrap();
        append(stream, size, &mut body);
        read_line(stream);
        chunked = size > 0;
    }
    append(stream, length, &mut body);
    Some(Response {
        status,
        body,
        closes,
    })
}

fn read_line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

fn append(stream: &mut impl Read, count: usize, body: &mut Vec<u8>) {
    let begin = body.len();
    body.resize(begin + count, 0);
    stream.read_exact(&mut body[begin..]).unwrap();
}
