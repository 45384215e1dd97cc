//! A client that keeps one connection, and the server of all these clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_tests::schemas;
use serde_json::{Value, json};

use crate::ask::{Ask, Era};
use crate::{Lane, Outcome, TIMEOUT, Tally};

/// The maximum number of requests that are written before the first answer is read.
const PIPELINE: usize = 5;

/// A server process that is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(server: &Path) -> Outcome<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(server)
            .args(["--http", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let this = Self { address, child };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > TIMEOUT {
                return Err("the server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(this)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already; its clients have reported that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    session: Option<String>,
    body: String,
}

impl Answer {
    /// The one message of the body, whether it is JSON or events.
    fn message(&self) -> Outcome<Value> {
        if self.body.starts_with('{') {
            return Ok(serde_json::from_str(&self.body)?);
        }
        let data = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let mut messages = data.filter(|data| !data.is_empty());
        let message = messages
            .next()
            .ok_or_else(|| format!("no message in {:?}", self.body))?;
        match messages.next() {
            None => Ok(serde_json::from_str(message)?),
            Some(second) => Err(format!("a second message: {second}").into()),
        }
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn bytes(&mut self, count: usize, body: &mut Vec<u8>) -> Outcome<()> {
        let begin = body.len();
        body.resize(begin + count, 0);
        self.0.read_exact(&mut body[begin..])?;
        Ok(())
    }

    fn read(&mut self) -> Outcome<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).ok_or("no status")?.parse()?;
        let (mut length, mut chunked, mut session) = (0, false, None);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse()?,
                "transfer-encoding" => chunked = value == "chunked",
                "mcp-session-id" => session = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            self.chunks(&mut body)?;
        } else {
            self.bytes(length, &mut body)?;
        }
        let body = String::from_utf8(body)?;
        Ok(Answer {
            status,
            session,
            body,
        })
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Outcome<()> {
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            self.bytes(size, body)?;
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn post(address: SocketAddr, headers: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// The header of a new legacy session.
pub(crate) fn session(address: SocketAddr) -> Outcome<String> {
    let revision = Era::Legacy.revision();
    let mut connection = Connection::open(address)?;
    let params = json!({
        "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "soak", "version": "0" },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let request = post(address, "", &message.to_string());
    connection.0.get_mut().write_all(request.as_bytes())?;
    let answer = connection.read()?;
    schemas::reply(revision, Some("initialize"), &answer.message()?, true)?;
    let session = answer.session.ok_or("no session")?;
    Ok(format!(
        "Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {revision}\r\n"
    ))
}

fn headers(ask: &Ask, era: Era, session: &str) -> String {
    if era == Era::Legacy {
        return session.to_owned();
    }
    let name = ask
        .name()
        .map_or_else(String::new, |name| format!("Mcp-Name: {name}\r\n"));
    let (revision, method) = (era.revision(), ask.method());
    format!("MCP-Protocol-Version: {revision}\r\nMcp-Method: {method}\r\n{name}")
}

fn judge(ask: &Ask, era: Era, answer: &Answer) -> Outcome<()> {
    if !ask.is_notification() {
        return Ok(ask.judge(era, &answer.message()?)?);
    }
    if answer.status == 202 && answer.body.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "a notification was answered {}: {}",
            answer.status, answer.body
        )
        .into())
    }
}

/// Sends all messages of a lane over one connection.
pub(crate) fn converse(address: SocketAddr, session: &str, lane: Lane) -> Outcome<Tally> {
    let mut connection = Connection::open(address)?;
    let mut tally = Tally::default();
    let mut random = lane.random;
    let mut sent = 0;
    while sent < lane.messages {
        let mut bytes = Vec::new();
        let mut asks = Vec::new();
        for _ in 0..=random.below(PIPELINE) {
            if sent < lane.messages {
                sent += 1;
                let ask = Ask::random(&mut random, lane.number, sent, lane.numbering);
                let request = post(
                    address,
                    &headers(&ask, lane.era, session),
                    &ask.json(lane.era),
                );
                bytes.extend_from_slice(request.as_bytes());
                asks.push(ask);
            }
        }
        random.write(connection.0.get_mut(), &bytes)?;
        for ask in asks {
            match judge(&ask, lane.era, &connection.read()?) {
                Err(problem) => tally.problem(problem.to_string()),
                Ok(()) if ask.is_notification() => tally.silent += 1,
                Ok(()) => tally.answered += 1,
            }
        }
    }
    connection.0.get_ref().shutdown(std::net::Shutdown::Write)?;
    if connection.0.read(&mut [0])? > 0 {
        tally.problem("there was more than was asked for");
    }
    Ok(tally)
}
