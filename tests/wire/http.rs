//! A small HTTP client that sends what it is told and hides nothing of the answer.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

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

    /// The messages of the body, whether it is JSON or events.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let events = self.header("content-type") == Some("text/event-stream");
        let texts: Vec<&str> = if events {
            self.body
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                // A stream may begin with an event that carries nothing but its id.
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

/// Sends a request on a connection of its own and reads the answer to its end.
pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = open(address, method, path, headers, body);
    read(&mut stream)
}

/// Sends a request and leaves the connection to the caller.
pub(crate) fn open(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> TcpStream {
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
    stream
}

/// Reads an answer to the end of its connection.
pub(crate) fn read(stream: &mut TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let (status, headers) = head(&mut reader);
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

/// Reads an answer without its body, which may never end.
pub(crate) fn read_head(stream: &mut TcpStream) -> Answer {
    let (status, headers) = head(&mut BufReader::new(stream));
    Answer {
        status,
        headers,
        body: String::new(),
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
