//! The server of the README as a process, and a client that sends raw messages.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_readme-server");

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";

const TIMEOUT: Duration = Duration::from_secs(60);

/// A server process, which ends with this.
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the server on a free port, and returns its address.
pub(crate) fn http_process(options: &[&str]) -> (Process, SocketAddr) {
    let mut child = Command::new(SERVER)
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let url = loop {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "no address");
        if let Some((_, rest)) = line.split_once("http://") {
            break rest.split(['/', '\u{1b}']).next().unwrap().to_owned();
        }
    };
    // The log is read, so that the server can write it.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    (Process { child }, url.parse().expect(&url))
}

/// What a server answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: Option<u16>,
    pub(crate) message: Value,
    pub(crate) headers: String,
}

impl Answer {
    /// Returns the code of the error, if there is one.
    pub(crate) fn code(&self) -> Option<i64> {
        self.message["error"]["code"].as_i64()
    }

    pub(crate) fn is_served(&self) -> bool {
        self.message.get("result").is_some()
    }

    pub(crate) fn error(&self) -> &str {
        self.message["error"]["message"].as_str().unwrap_or("")
    }
}

/// A client of the server over one transport, in one revision.
pub(crate) struct Client {
    process: Process,
    pub(crate) revision: &'static str,
    wire: Wire,
}

enum Wire {
    Stdio(BufReader<std::process::ChildStdout>),
    Http {
        address: SocketAddr,
        session: Option<String>,
    },
}

impl Client {
    /// Returns a client of each transport and era, each of a server of its own.
    pub(crate) fn all() -> Vec<Self> {
        let of = |revision| [Self::stdio(revision), Self::http(revision)];
        [MODERN, LEGACY].into_iter().flat_map(of).collect()
    }

    pub(crate) fn stdio(revision: &'static str) -> Self {
        let mut child = Command::new(SERVER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wire = Wire::Stdio(BufReader::new(child.stdout.take().unwrap()));
        let process = Process { child };
        Self::greeted(Self {
            process,
            revision,
            wire,
        })
    }

    pub(crate) fn http(revision: &'static str) -> Self {
        let (process, address) = http_process(&["--http", "127.0.0.1:0"]);
        let wire = Wire::Http {
            address,
            session: None,
        };
        Self::greeted(Self {
            process,
            revision,
            wire,
        })
    }

    /// Shakes hands, if the revision has handshakes.
    fn greeted(mut self) -> Self {
        if self.revision == MODERN {
            return self;
        }
        let params = json!({
            "protocolVersion": self.revision,
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let answer = self.send(&self.message("initialize", params).to_string());
        assert!(answer.is_served(), "{answer:?}");
        if let Wire::Http { session, .. } = &mut self.wire {
            let lines = answer.headers.lines();
            let mut ids = lines.filter_map(|line| line.strip_prefix("mcp-session-id: "));
            *session = Some(ids.next().expect("a session").to_owned());
        }
        self
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.revision == MODERN
    }

    pub(crate) fn is_stdio(&self) -> bool {
        matches!(self.wire, Wire::Stdio(_))
    }

    /// Returns a request.
    pub(crate) fn message(&self, method: &str, params: Value) -> Value {
        message(self.revision, method, params)
    }

    /// Returns a call of the tool of the README.
    pub(crate) fn call(&self) -> Value {
        let params = json!({ "name": "add", "arguments": { "a": 2, "b": 3 } });
        self.message("tools/call", params)
    }

    /// Sends a message, and returns its answer.
    pub(crate) fn send(&mut self, message: &str) -> Answer {
        self.send_with(message, "")
    }

    /// Sends a message with these headers, and returns its answer.
    pub(crate) fn send_with(&mut self, message: &str, headers: &str) -> Answer {
        let revision = self.revision;
        match &mut self.wire {
            Wire::Stdio(output) => {
                let input = self.process.child.stdin.as_mut().unwrap();
                input.write_all(message.as_bytes()).unwrap();
                input.write_all(b"\n").unwrap();
                let mut line = String::new();
                output.read_line(&mut line).unwrap();
                Answer {
                    message: serde_json::from_str(&line).expect(&line),
                    ..Answer::default()
                }
            }
            Wire::Http { address, session } => {
                let mut all = post_headers(revision, message, session.as_deref());
                all += headers;
                http(*address, "POST /mcp", &all, message.as_bytes())
            }
        }
    }
}

/// Returns a request in a revision.
pub(crate) fn message(revision: &str, method: &str, mut params: Value) -> Value {
    if revision == MODERN {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({ "elicitation": { "form": {} } });
    }
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// Returns the headers of a message in a revision.
pub(crate) fn post_headers(revision: &str, message: &str, session: Option<&str>) -> String {
    let mut headers = format!(
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: {revision}\r\n"
    );
    if let Some(session) = session {
        write!(headers, "Mcp-Session-Id: {session}\r\n").unwrap();
    }
    if revision == MODERN {
        // A message that cannot be parsed is refused before its headers are compared.
        let parsed: Value = serde_json::from_str(message).unwrap_or_default();
        let method = parsed["method"].as_str().unwrap_or("tools/call");
        write!(headers, "Mcp-Method: {method}\r\n").unwrap();
        if method == "tools/call" {
            let name = parsed["params"]["name"].as_str().unwrap_or("add");
            let name: String = name.chars().take(4000).collect();
            write!(headers, "Mcp-Name: {name}\r\n").unwrap();
        }
    }
    headers
}

/// Sends a request on a new connection and reads its whole response.
pub(crate) fn http(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let host = if headers.contains("Host: ") {
        ""
    } else {
        "Host: localhost\r\n"
    };
    let head = format!(
        "{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    // A server that refuses a request need not read all of it.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    answer(&String::from_utf8(response).unwrap())
}

/// Parses a response with a length.
fn answer(response: &str) -> Answer {
    let (headers, body) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
    let status = headers.split(' ').nth(1).and_then(|it| it.parse().ok());
    let data = body.lines().rev().find_map(|it| it.strip_prefix("data: "));
    Answer {
        status,
        message: serde_json::from_str(data.unwrap_or(body)).unwrap_or_default(),
        headers: headers.to_owned(),
    }
}
