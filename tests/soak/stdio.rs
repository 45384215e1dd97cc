//! A client with its own server, to which it sends requests without waiting for replies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_tests::{Outcome, TIMEOUT, schemas};
use serde_json::{Value, json};

use crate::ask::{Ask, Era, Numbering, sleep};
use crate::callers::Caller;
use crate::memory::{ALLOCATOR, Memory, Series};
use crate::{Lane, Tally, Verdict};

/// The maximum number of requests in flight.
const WINDOW: usize = 64;
/// The maximum number of messages that are written at once.
const BATCH: usize = 8;
/// The time of each call of the warm-up.
const WARM_UP: Duration = Duration::from_millis(200);

/// The requests in flight.
#[derive(Default)]
struct Flight {
    asked: Mutex<Asked>,
    less: Condvar,
}

#[derive(Default)]
struct Asked {
    by_id: BTreeMap<u64, Ask>,
    /// Requests whose replies have no id.
    malformed: Vec<Ask>,
}

impl Flight {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for capacity for one more request; returns `false` if the server does not answer.
    fn has_capacity(&self, window: usize) -> bool {
        let full = |asked: &mut Asked| asked.by_id.len() + asked.malformed.len() >= window;
        let waited = self.less.wait_timeout_while(self.asked(), TIMEOUT, full);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn depart(&self, ask: Ask) {
        let mut asked = self.asked();
        if ask.is_malformed() {
            asked.malformed.push(ask);
        } else {
            asked.by_id.insert(ask.id, ask);
        }
    }

    fn arrive(&self, reply: &Value) -> Option<Ask> {
        let mut asked = self.asked();
        let found = match reply["id"].as_u64() {
            Some(id) => asked.by_id.remove(&id),
            None => asked.malformed.pop(),
        };
        self.less.notify_one();
        found
    }
}

/// Sends the messages of a lane to a new server, and returns the number of notifications.
fn send(lane: Lane, flight: &Flight, mut target: impl Write) -> Outcome<u64> {
    let Lane { mut random, .. } = lane;
    // One request at a time if all have the same id.
    let (window, batch) = match lane.numbering {
        Numbering::FromOne => (WINDOW, BATCH),
        Numbering::AlwaysOne => (1, 1),
    };
    let (mut sent, mut silent) = (0, 0);
    while sent < lane.messages {
        let mut bytes = Vec::new();
        for _ in 0..=random.below(batch) {
            if sent == lane.messages {
                break;
            }
            sent += 1;
            let ask = Ask::random(&mut random, lane.caller, lane.number, sent, lane.numbering);
            bytes.extend_from_slice(ask.json(lane.era).as_bytes());
            bytes.push(b'\n');
            if ask.is_notification() {
                silent += 1;
                continue;
            }
            // A batch is smaller than the window, so that this never waits for replies to unwritten requests.
            if !flight.has_capacity(window) {
                return Err("the server does not answer".into());
            }
            flight.depart(ask);
        }
        random.write(&mut target, &bytes)?;
    }
    Ok(silent)
}

fn receive(
    flight: &Flight,
    era: Era,
    source: impl BufRead,
    series: &Series,
    tally: &mut Tally,
) -> Outcome<()> {
    for line in source.lines() {
        let line = line?;
        let reply: Value = serde_json::from_str(&line)?;
        series.answered();
        match flight.arrive(&reply).map(|ask| ask.judge(era, &reply)) {
            Some(Ok(verdict)) => tally.add(verdict),
            Some(Err(problem)) => tally.problem(problem),
            None => tally.problem(format!("no request for {line}")),
        }
    }
    Ok(())
}

/// Sends the handshake of a legacy client.
pub(crate) fn shake_hands(
    mut stdin: &ChildStdin,
    stdout: &mut ChildStdout,
    era: Era,
) -> Outcome<()> {
    if era == Era::Modern {
        return Ok(());
    }
    let params = json!({
        "protocolVersion": era.revision(), "capabilities": {}, "clientInfo": { "name": "soak", "version": "0" },
    });
    writeln!(
        stdin,
        "{}",
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })
    )?;
    let mut reply = String::new();
    // The server sends nothing after this reply yet, so no other message is lost in the buffer.
    BufReader::new(stdout).read_line(&mut reply)?;
    let reply: Value = serde_json::from_str(&reply)?;
    schemas::reply(era.revision(), Some("initialize"), &reply, true)?;
    if reply["result"]["protocolVersion"] != era.revision() {
        return Err(format!("initialize: {reply}").into());
    }
    writeln!(
        stdin,
        r#"{{"jsonrpc":"2.0","method":"notifications/initialized"}}"#
    )?;
    Ok(())
}

/// Makes as many calls at once as there can be later, each of which needs a thread and its stack. Otherwise the server would create
/// threads during the whole run, whenever more calls than ever before overlap.
fn warm_up(mut stdin: &ChildStdin, stdout: &mut impl BufRead, era: Era) -> Outcome<()> {
    let calls: String = (1..=WINDOW)
        .map(|id| sleep("occupy", WARM_UP, id as u64, era) + "\n")
        .collect();
    stdin.write_all(calls.as_bytes())?;
    for _ in 0..WINDOW {
        let mut reply = String::new();
        stdout.read_line(&mut reply)?;
        schemas::reply(
            era.revision(),
            Some("tools/call"),
            &serde_json::from_str(&reply)?,
            true,
        )?;
    }
    Ok(())
}

/// The environment of a server whose caller this is.
pub(crate) fn environment(caller: &Caller) -> [(&'static str, &'static str); 2] {
    [
        ("MCP_PRINCIPAL", caller.name),
        ("MCP_SCOPES", caller.scopes()),
    ]
}

/// Sends all messages of a lane, and reads until the server has ended.
pub(crate) fn converse(server: &Path, lane: Lane, memory: &Memory) -> Outcome<Tally> {
    let mut child = Command::new(server)
        .envs(environment(lane.caller).into_iter().chain([ALLOCATOR]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("no pipes".into());
    };
    let (flight, era) = (Flight::default(), lane.era);
    shake_hands(&stdin, &mut stdout, era)?;
    let mut stdout = BufReader::new(stdout);
    warm_up(&stdin, &mut stdout, era)?;
    let series = memory.watch("a server on stdio", child.id());
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(lane, &flight, stdin));
        if let Err(error) = receive(&flight, era, stdout, &series, &mut tally) {
            tally.problem(error.to_string());
        }
        match sending.join() {
            Ok(Ok(silent)) => (0..silent).for_each(|_| tally.add(Verdict::Silent)),
            Ok(Err(error)) => tally.problem(error.to_string()),
            Err(_) => tally.problem("the sender panicked"),
        }
    });
    let asked = flight.asked();
    let lost = asked.by_id.len() + asked.malformed.len();
    if lost > 0 {
        tally.problem(format!("{lost} requests have no reply"));
    }
    let status = child.wait()?;
    if !status.success() {
        tally.problem(format!("the server ended with {status}"));
    }
    Ok(tally)
}
