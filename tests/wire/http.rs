//! A small HTTP client that sends requests unchanged and shows the whole answer. All messages of an answer must be valid.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::REVISIONS;
use serde_json::Value;

use super::connection::Outcome;

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The messages of the body, which is JSON or events.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let events = self.header("content-type") == Some("text/event-stream");
        let texts: Vec<&str> = if events {
            self.body
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                // A stream may begin with an event that has only an id.
                .filter(|data| !data.is_empty())
                .collect()
        } else if self.header("content-type") == Some("application/json") {
            vec![self.body.as_str()]
        } else {
            Vec::new()
        };
        texts
            .iter()
            .map(|text| serde_json::from_str(text).expect(text))
            .collect()
    }
}

impl From<&Answer> for Outcome {
    fn from(answer: &Answer) -> Self {
        let messages = answer.messages().into_iter();
        let (notifications, mut replies): (Vec<_>, Vec<_>) =
            messages.partition(|message| message.get("method").is_some());
        Self {
            reply: replies.pop(),
            notifications,
            status: Some(answer.status),
        }
    }
}

/// Sends a request on a new connection and reads the answer to its end.
pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    open(address, method, path, headers, body).read()
}

/// The statuses of refusals that are sent before the body is read, so that the id of the request is unknown.
const UNREAD: [u16; 4] = [403, 406, 413, 415];

/// The revisions of the sessions that the tests have opened.
static SESSIONS: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);

fn with_sessions<T>(use_them: impl FnOnce(&mut HashMap<String, String>) -> T) -> T {
    let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    use_them(sessions.get_or_insert_default())
}

/// The revision of a legacy request with these headers.
fn revision(headers: &[(&str, &str)]) -> String {
    let header = |wanted: &str| {
        let mut found = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| *value)
    };
    let named = header("mcp-protocol-version").filter(|name| REVISIONS.contains(name));
    let session = header("mcp-session-id");
    named
        .map(str::to_owned)
        .or_else(|| with_sessions(|all| all.get(session?).cloned()))
        .unwrap_or_else(|| "2025-03-26".to_owned())
}

/// A request that was sent, and the unread part of its answer.
pub(crate) struct Exchange {
    stream: BufReader<TcpStream>,
    conversation: Conversation,
    /// A notification or a response was sent. A refusal of it has no id.
    is_one_way: bool,
}

/// Sends a request without reading its answer.
pub(crate) fn open(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Exchange {
    let conversation = Conversation::new(&revision(headers));
    // Requests of other methods have no body, so a refusal has no id.
    conversation.sent(if method == "POST" { body } else { b"" });
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n",
        body.len()
    );
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        write!(head, "Host: {address}\r\n").unwrap();
    }
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).unwrap();
    Exchange {
        stream: BufReader::new(stream),
        conversation,
        is_one_way: serde_json::from_slice(body).is_ok_and(is_one_way),
    }
}

fn is_one_way(message: Value) -> bool {
    let has = |name| message.get(name).is_some();
    has("jsonrpc")
        && if has("method") {
            !has("id")
        } else {
            has("result") || has("error")
        }
}

impl Exchange {
    /// Opens the stream of a session that belongs to no call. Later changes are sent on it.
    pub(crate) fn of_session(address: &str, session: &str) -> Self {
        let headers = [("Accept", "text/event-stream"), ("Mcp-Session-Id", session)];
        let mut stream = open(address, "GET", "/mcp", &headers, b"");
        stream.begin();
        stream
    }

    /// Reads the answer to the end of its connection.
    pub(crate) fn read(&mut self) -> Answer {
        let answer = read(&mut self.stream);
        for message in answer.messages() {
            let has_id = message.get("id").is_some() || message.get("method").is_some();
            let is_session_over = answer.status == 404 && message["error"]["code"] == -32600;
            let is_unread = UNREAD.contains(&answer.status)
                || is_session_over
                || (answer.status == 400 && self.is_one_way);
            if is_unread && !has_id && !message.is_array() {
                self.conversation.refused(&message);
            } else {
                self.conversation.received(&message);
            }
        }
        if let Some(session) = answer.header("mcp-session-id") {
            let revision = self.conversation.revision();
            with_sessions(|all| all.insert(session.to_owned(), revision));
        }
        answer
    }

    /// Reads the status and the headers of the answer. Its body, which may never end, is neither read nor validated.
    pub(crate) fn read_head(&mut self) -> Answer {
        let (status, headers) = head(&mut self.stream);
        Answer {
            status,
            headers,
            body: String::new(),
        }
    }

    /// Reads the messages of a stream of events to its end.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.message()).collect()
    }

    /// The next message of a stream of events.
    pub(crate) fn next(&mut self) -> Value {
        self.message().expect("the stream ended")
    }

    /// The next message, which comes in one `data` line; `None` at the end.
    fn message(&mut self) -> Option<Value> {
        loop {
            let line = self.line()?;
            if let Some(data) = line.strip_prefix("data: ").filter(|data| data.len() > 1) {
                let message = serde_json::from_str(data).unwrap();
                self.conversation.received(&message);
                return Some(message);
            }
        }
    }

    /// Reads the first event of a stream, which has only an id.
    fn begin(&mut self) {
        while !self.line().expect("the stream ended").starts_with("data:") {}
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).unwrap();
        (read > 0).then_some(line)
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Answer {
    let (status, headers) = head(reader);
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    if chunked {
        body = unchunk(&body);
    }
    Answer {
        status,
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

fn head(reader: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .parse()
        .expect("a status line");
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    (status, headers)
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    whole
}
