//! The client, which sends calls and checks each response.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::Result;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Stateless requests.
    Modern,
    /// Requests after a handshake.
    Legacy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Each call is sent after the response to the previous one.
    Sequential,
    /// All calls are sent at once.
    Pipelined,
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"hot-path","version":"1.0.0"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const META: &str = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"hot-path","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

/// The tool that is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// `add`, of two numbers.
    Sum,
    /// `add` of a server that is mounted with the prefix `m`.
    MountedSum,
    /// `text`, whose result is a megabyte of text.
    Text,
}

impl Load {
    fn tool(self) -> &'static str {
        match self {
            Self::Sum => "add",
            Self::MountedSum => "m_add",
            Self::Text => "text",
        }
    }

    fn arguments(self) -> &'static str {
        match self {
            Self::Sum | Self::MountedSum => r#"{"a":2,"b":3}"#,
            Self::Text => r#"{"bytes":1048576}"#,
        }
    }

    /// Checks that a response is a result, since an error would be cheap.
    fn check(self, answer: &str) -> Result<()> {
        let is_right = match self {
            Self::Sum | Self::MountedSum => {
                answer.contains(r#""structuredContent":{"result":5.0}"#)
            }
            Self::Text => answer.len() > 1 << 20,
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("not an answer: {answer}").into())
        }
    }
}

impl Era {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }

    /// Returns the call with this number as its id.
    fn call(self, load: Load, number: usize) -> String {
        let meta = match self {
            Self::Modern => META,
            Self::Legacy => "",
        };
        format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"{}","arguments":{}{meta}}}}}"#,
            load.tool(),
            load.arguments()
        )
    }
}

impl Pace {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sequential => "one by one",
            Self::Pipelined => "pipelined",
        }
    }
}

/// Starts a server on pipes, makes calls, and waits until it exits.
pub(super) fn over_stdio(
    mut command: Command,
    era: Era,
    load: Load,
    pace: Pace,
    calls: usize,
) -> Result<()> {
    let mut server = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = server.stdin.take().ok_or("no stdin")?;
    let mut output = BufReader::new(server.stdout.take().ok_or("no stdout")?);
    let mut line = String::new();
    let mut answer = || -> Result<String> {
        line.clear();
        output.read_line(&mut line)?;
        Ok(std::mem::take(&mut line))
    };
    if era == Era::Legacy {
        writeln!(input, "{INITIALIZE}")?;
        answer()?;
        writeln!(input, "{INITIALIZED}")?;
    }
    match pace {
        Pace::Sequential => {
            for number in 1..=calls {
                let mut call = era.call(load, number);
                call.push('\n');
                input.write_all(call.as_bytes())?;
                load.check(&answer()?)?;
            }
            drop(input);
        }
        Pace::Pipelined => {
            let sender = std::thread::spawn(move || -> Result<()> {
                let all: String = (1..=calls)
                    .map(|number| era.call(load, number) + "\n")
                    .collect();
                Ok(input.write_all(all.as_bytes())?)
            });
            for _ in 0..calls {
                load.check(&answer()?)?;
            }
            sender.join().map_err(|_| "the sender panicked")??;
        }
    }
    server.wait()?;
    Ok(())
}

/// Starts a server on a port, makes calls over one connection, and stops it.
/// `credentials` are further headers of each request.
pub(super) fn over_http(
    mut command: Command,
    era: Era,
    load: Load,
    credentials: &str,
    calls: usize,
) -> Result<()> {
    let mut server = command.stderr(Stdio::piped()).spawn()?;
    let outcome = serve_calls(&mut server, era, load, credentials, calls);
    // Valgrind writes its counts only if the program exits by itself.
    Command::new("kill")
        .args(["-TERM", &server.id().to_string()])
        .status()?;
    server.wait()?;
    outcome
}

fn serve_calls(
    server: &mut Child,
    era: Era,
    load: Load,
    credentials: &str,
    calls: usize,
) -> Result<()> {
    let mut connection = Connection::open(&address(server)?)?;
    let headers = match era {
        Era::Modern => modern_headers(load),
        Era::Legacy => {
            let (head, _) = connection.post("", INITIALIZE)?;
            let session = head
                .lines()
                .find_map(|line| line.strip_prefix("mcp-session-id: "))
                .ok_or("no session")?;
            let headers =
                format!("MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: {session}\r\n");
            connection.post(&headers, INITIALIZED)?;
            headers
        }
    };
    let headers = headers + credentials;
    for number in 1..=calls {
        load.check(&connection.post(&headers, &era.call(load, number))?.1)?;
    }
    Ok(())
}

/// Returns the address that a server logs when it has started.
pub(super) fn address(server: &mut Child) -> Result<String> {
    let mut said = String::new();
    BufReader::new(server.stderr.as_mut().ok_or("no stderr")?).read_line(&mut said)?;
    let address = said.split_once("http://");
    let address = address.and_then(|(_, rest)| rest.split('/').next());
    let address = address.ok_or_else(|| format!("no address in: {said}"))?;
    Ok(address.to_owned())
}

/// Returns the headers of a call in the modern era.
fn modern_headers(load: Load) -> String {
    format!(
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {}\r\n",
        load.tool()
    )
}

/// A client of the modern era whose calls have different credentials.
#[cfg(feature = "auth")]
pub(super) struct Caller(Connection);

#[cfg(feature = "auth")]
impl Caller {
    pub(super) fn new(address: &str) -> Result<Self> {
        Connection::open(address).map(Self)
    }

    /// Makes a call with further headers.
    pub(super) fn call(&mut self, credentials: &str) -> Result<()> {
        let headers = modern_headers(Load::Sum) + credentials;
        let (_, answer) = self.0.post(&headers, &Era::Modern.call(Load::Sum, 1))?;
        Load::Sum.check(&answer)
    }
}

/// A connection that is kept alive.
struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            address: address.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// Posts one message, and returns the head and the body of the response.
    fn post(&mut self, headers: &str, body: &str) -> Result<(String, String)> {
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(format!("the server hung up: {head}").into());
            }
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(Ok(0), str::parse)?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((head, String::from_utf8(body)?))
    }
}
