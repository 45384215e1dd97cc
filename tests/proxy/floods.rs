//! Floods of an upstream server, and the memory of the gateway: `tests/proxy/floods [SECONDS]`.
//!
//! For each flood, the program prints the number of messages that the upstream server has sent, the memory of the gateway before
//! the flood, at its peak and afterwards, and the latencies of a tool of the gateway itself meanwhile. It fails if the memory
//! grows by more than [`MOST`], or if that tool is not served.

#![allow(clippy::print_stdout)] // prints its results

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, ExitCode};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mcp_tests::server_process::Server;
use mcp_tests::{Outcome, TIMEOUT};
use serde_json::{Value, json};

/// The largest growth of the memory that is allowed, in bytes.
const MOST: u64 = 64_000_000;

/// The longest latency of the gateway's own tool that is allowed.
const LONGEST: Duration = Duration::from_secs(2);

/// The pause between two calls of that tool.
const PAUSE: Duration = Duration::from_millis(20);

const FLOODS: [&str; 8] = [
    "pings",
    "questions",
    "progress",
    "logs",
    "large_logs",
    "list_changes",
    "updates",
    "replies",
];

/// A client over stdio that reads everything, and answers no question.
struct Client {
    input: ChildStdin,
    replies: Receiver<Value>,
    next_id: u64,
}

impl Client {
    fn new(input: ChildStdin, output: ChildStdout) -> Outcome<Self> {
        let (sender, replies) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                // Notifications and questions are not kept.
                if line.contains("\"method\"") {
                    continue;
                }
                if let Ok(reply) = serde_json::from_str(&line)
                    && sender.send(reply).is_err()
                {
                    return;
                }
            }
        });
        let mut client = Self {
            input,
            replies,
            next_id: 1,
        };
        let handshake = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "floods", "version": "1" },
        });
        let id = client.request("initialize", &handshake)?;
        client.reply(id)?;
        client.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        let id = client.request("logging/setLevel", &json!({ "level": "debug" }))?;
        client.reply(id)?;
        Ok(client)
    }

    fn write(&mut self, message: &Value) -> Outcome<()> {
        Ok(writeln!(self.input, "{message}")?)
    }

    fn request(&mut self, method: &str, params: &Value) -> Outcome<u64> {
        let id = self.next_id;
        self.next_id += 1;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        Ok(id)
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Outcome<u64> {
        let meta = json!({ "progressToken": self.next_id });
        self.request(
            "tools/call",
            &json!({ "name": tool, "arguments": arguments, "_meta": meta }),
        )
    }

    /// Returns the reply to a request, and discards those to earlier requests.
    fn reply(&mut self, id: u64) -> Outcome<Value> {
        loop {
            let reply = self.replies.recv_timeout(TIMEOUT)?;
            if reply["id"] == id {
                return Ok(reply);
            }
        }
    }
}

/// The results of a flood. Memory is in bytes.
struct Row {
    messages: String,
    before: u64,
    peak: u64,
    after: u64,
    latencies: Vec<Duration>,
}

fn flood(name: &str, seconds: u64) -> Outcome<Row> {
    let (server, input, output) = Server::stdio("flooded-gateway", &[])?;
    let mut client = Client::new(input, output)?;
    // The first calls allocate what the gateway keeps.
    for tool in ["own", "up_fine", "up_large"] {
        let id = client.call(tool, &json!({}))?;
        client.reply(id)?;
    }
    let before = server.resident()?;
    server.reset_peak()?;
    let milliseconds = json!({ "milliseconds": seconds * 1000 });
    let flooding = client.call(&format!("up_flood_{name}"), &milliseconds)?;
    let (messages, latencies) = watch(&mut client, flooding)?;
    let peak = server.peak()?;
    std::thread::sleep(Duration::from_millis(500));
    // The last reply of the gateway's own tool may follow that of the flood.
    let id = client.call("up_fine", &json!({}))?;
    let fine = client.reply(id)?;
    if fine["result"]["content"][0]["text"] != "fine" {
        return Err(format!("the upstream server is not called any more: {fine}").into());
    }
    Ok(Row {
        messages,
        before,
        peak,
        after: server.resident()?,
        latencies,
    })
}

/// Calls the tool of the gateway until the flood ends. Returns the text of its result, and the latencies.
fn watch(client: &mut Client, flooding: u64) -> Outcome<(String, Vec<Duration>)> {
    let (mut sent, mut latencies) = (HashMap::new(), Vec::new());
    loop {
        let id = client.call("own", &json!({}))?;
        sent.insert(id, Instant::now());
        let next = Instant::now() + PAUSE;
        loop {
            let left = next.saturating_duration_since(Instant::now());
            let reply = match client.replies.recv_timeout(left) {
                Ok(reply) => reply,
                Err(RecvTimeoutError::Timeout) => break,
                Err(error) => return Err(error.into()),
            };
            if reply["id"] == flooding {
                let text = reply["result"]["content"][0]["text"].as_str();
                let text = text.map_or_else(|| reply.to_string(), str::to_owned);
                return Ok((text, latencies));
            }
            if let Some(start) = reply["id"].as_u64().and_then(|id| sent.remove(&id)) {
                latencies.push(start.elapsed());
            }
        }
        if sent.values().any(|start| start.elapsed() > TIMEOUT) {
            return Err("the tool of the gateway is not served".into());
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

impl Row {
    /// Prints the row. Returns `true` if it is within the limits.
    fn print(mut self, name: &str) -> bool {
        self.latencies.sort_unstable();
        let median = self.latencies.get(self.latencies.len() / 2).copied();
        let longest = self.latencies.last().copied();
        println!(
            "| {name} | {} | {} | {} | {} | {:.1?} | {:.1?} |",
            self.messages,
            megabytes(self.before),
            megabytes(self.peak),
            megabytes(self.after),
            median.unwrap_or_default(),
            longest.unwrap_or_default(),
        );
        self.peak.saturating_sub(self.before) <= MOST && longest.is_some_and(|it| it <= LONGEST)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|it| it.parse().ok()).unwrap_or(3);
    println!("| flood | messages | MB before | peak | after | median latency | longest |");
    println!("|---|---|---|---|---|---|---|");
    let mut is_good = true;
    for name in FLOODS {
        match flood(name, seconds) {
            Ok(row) => is_good &= row.print(name),
            Err(error) => {
                println!("| {name} | {error} |");
                is_good = false;
            }
        }
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        println!(
            "the memory grew by more than {} MB, or the gateway was not served",
            megabytes(MOST)
        );
        ExitCode::FAILURE
    }
}
