//! Attacks over stdio, where there is no other client: the server must answer all requests once the client reads.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};

use mcp_tests::Outcome;
use serde_json::{Value, json};

use crate::messages::{BATCHES, call, initialize};

/// A client of a server over stdio.
pub(crate) struct Client {
    pub(crate) input: ChildStdin,
    pub(crate) output: BufReader<ChildStdout>,
}

impl Client {
    pub(crate) fn send(&mut self, message: &str) -> Outcome<()> {
        writeln!(self.input, "{message}")?;
        Ok(())
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("the server closed its output".into());
        }
        Ok(line)
    }

    pub(crate) fn receive(&mut self) -> Outcome<Value> {
        Ok(serde_json::from_str(&self.line()?)?)
    }
}

/// Returns the id of a reply, which is parsed only up to its id because it is long.
fn id_of(reply: &str) -> Option<u64> {
    let (_, rest) = reply.split_once("\"id\":")?;
    rest.split_once(',')?.0.parse().ok()
}

/// The number of answers of 4 MiB.
const ANSWERS: u64 = 500;

/// Requests 500 answers of 4 MiB and reads none of them.
pub(crate) fn answers(client: &mut Client) -> Outcome<()> {
    for id in 0..ANSWERS {
        let tool = if id % 2 == 0 { "slow_text" } else { "text" };
        client.send(&call(id, tool, &json!({ "bytes": 4 << 20 }), &json!({})))?;
    }
    Ok(())
}

/// Reads all the answers of [`answers`].
pub(crate) fn read_answers(client: &mut Client) -> Outcome<String> {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..ANSWERS {
        let line = client.line()?;
        if line.len() < 4 << 20 {
            return Err(format!("no text of 4 MiB: {line:.200}").into());
        }
        seen.insert(id_of(&line).ok_or("no id")?);
    }
    if seen.len() as u64 != ANSWERS {
        return Err(format!("{} of {ANSWERS} requests are answered", seen.len()).into());
    }
    Ok(format!("{ANSWERS} answers are read afterwards"))
}

/// Sends a batch of 80,000 requests for the list of tools.
pub(crate) fn batch(client: &mut Client) -> Outcome<()> {
    client.send(&initialize(BATCHES))?;
    client.receive()?;
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    client.send(&format!("[{}]", vec![request; 80_000].join(",")))
}

/// Reads the answer to [`batch`].
pub(crate) fn read_batch(client: &mut Client) -> Outcome<String> {
    let reply = client.receive()?;
    client.send(r#"{"jsonrpc":"2.0","id":"next","method":"ping"}"#)?;
    if client.receive()?["id"] != "next" {
        return Err("the next request is not answered".into());
    }
    Ok(reply["error"]["message"]
        .as_str()
        .unwrap_or("served")
        .to_owned())
}
