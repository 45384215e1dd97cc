//! A client that writes requests over HTTP and reads what it chooses to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::{Outcome, TIMEOUT};

/// A connection to the server.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// A response that was read as a whole.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The id of the session that it opens.
    pub session: Option<String>,
    /// The header `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// The body, without the sizes of its chunks.
    pub body: String,
}

/// The head of a response.
#[derive(Debug, Default)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The id of the session that it opens.
    pub session: Option<String>,
    /// The header `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// The length of the body; `None` if it has chunks.
    pub length: Option<usize>,
}

impl Response {
    /// Returns the last message of the body, whether it is JSON or events.
    ///
    /// # Errors
    /// Returns an error if there is no message.
    pub fn message(&self) -> Outcome<Value> {
        let last = self.data().last().unwrap_or(&self.body);
        Ok(serde_json::from_str(last)?)
    }

    /// Returns the message of the body.
    ///
    /// # Errors
    /// Returns an error if there is not exactly one message.
    pub fn only_message(&self) -> Outcome<Value> {
        match self.data().nth(1) {
            None => self.message(),
            Some(second) => Err(format!("a second message: {second}").into()),
        }
    }

    /// Returns the data of the events.
    fn data(&self) -> impl Iterator<Item = &str> {
        let lines = self.body.lines();
        let data = lines.filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| !data.is_empty())
    }
}

/// Returns the headers of a request of the stateless era.
pub fn modern_headers(method: &str, name: Option<&str>) -> String {
    let name = name.map_or_else(String::new, |name| format!("Mcp-Name: {name}\r\n"));
    format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}")
}

/// Returns a POST request.
pub fn request(address: SocketAddr, headers: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    /// Returns an error if the server does not accept the connection.
    pub fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let stream = BufReader::new(stream);
        Ok(Self { stream, address })
    }

    /// Returns the socket, to write to it.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.stream.get_mut()
    }

    /// Writes a request.
    ///
    /// # Errors
    /// Returns an error if the server takes no bytes.
    pub fn post(&mut self, headers: &str, body: &str) -> Outcome<()> {
        let request = request(self.address, headers, body);
        Ok(self.socket().write_all(request.as_bytes())?)
    }

    /// Ends the half of the client, and returns `true` if the server sends nothing more.
    ///
    /// # Errors
    /// Returns an error if the connection fails.
    pub fn end(&mut self) -> Outcome<bool> {
        self.socket().shutdown(std::net::Shutdown::Write)?;
        Ok(self.stream.read(&mut [0])? == 0)
    }

    /// Writes a request and reads its whole response.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub fn ask(&mut self, headers: &str, body: &str) -> Outcome<Response> {
        self.post(headers, body)?;
        self.read()
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn exact(&mut self, length: usize) -> Outcome<String> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(String::from_utf8(bytes)?)
    }

    /// Reads the status and the headers of a response.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub fn head(&mut self) -> Outcome<Head> {
        let status = self.line()?;
        let mut head = Head {
            status: status.split(' ').nth(1).ok_or("no status")?.parse()?,
            ..Head::default()
        };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                return Ok(head);
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Some(value.parse()?),
                "mcp-session-id" => head.session = Some(value.to_owned()),
                "www-authenticate" => head.challenge = Some(value.to_owned()),
                _ => {}
            }
        }
    }

    /// Reads a response.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub fn read(&mut self) -> Outcome<Response> {
        let head = self.head()?;
        let body = match head.length {
            Some(length) => self.exact(length)?,
            None if head.status == 202 => String::new(),
            None => self.chunks()?,
        };
        Ok(Response {
            status: head.status,
            session: head.session,
            challenge: head.challenge,
            body,
        })
    }

    fn chunks(&mut self) -> Outcome<String> {
        let mut body = String::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.push_str(&chunk);
        }
    }

    /// Reads one chunk of a body.
    ///
    /// # Errors
    /// Returns an error if there is no chunk.
    pub fn chunk(&mut self) -> Outcome<String> {
        let size = usize::from_str_radix(&self.line()?, 16)?;
        let chunk = self.exact(size)?;
        self.line()?;
        Ok(chunk)
    }
}

/// Opens a session with this `initialize` request and the headers of its credentials. Returns the headers of the session without
/// those, and the response.
///
/// # Errors
/// Returns an error if there is no session.
pub fn session(
    address: SocketAddr,
    revision: &str,
    credentials: &str,
    initialize: &str,
) -> Outcome<(String, Response)> {
    let answer = Connection::open(address)?.ask(credentials, initialize)?;
    let session = answer.session.as_ref().ok_or("no session")?;
    let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {revision}\r\n");
    Ok((headers, answer))
}
