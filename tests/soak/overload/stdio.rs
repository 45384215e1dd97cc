//! Calls over stdio: one connection, with a server of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::ChildStdin;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mcp_tests::server_process::Server;
use mcp_tests::{Outcome, TIMEOUT};

use super::{Client, Outcomes, call, first, is_refusal, lock, pace};
use crate::ask::Era;
use crate::callers::Way;
use crate::stdio::environment;

/// The calls that have no reply yet, and the outcomes of the others.
#[derive(Default)]
struct Table {
    sent: HashMap<u64, Instant>,
    outcomes: Outcomes,
}

/// A client over stdio.
pub(super) struct Calls {
    _server: Server,
    input: ChildStdin,
    era: Era,
    next: u64,
    table: Arc<Mutex<Table>>,
    receiving: JoinHandle<Outcome<()>>,
}

impl Calls {
    pub(super) fn start(era: Era) -> Outcome<Self> {
        let caller = first(Way::Environment)?;
        let (server, input, mut output) = Server::stdio(crate::SERVER, &environment(caller))?;
        crate::stdio::shake_hands(&input, &mut output, era)?;
        let table = Arc::<Mutex<Table>>::default();
        let received = Arc::clone(&table);
        Ok(Self {
            _server: server,
            input,
            era,
            next: 0,
            table,
            receiving: std::thread::spawn(move || receive(BufReader::new(output), &received)),
        })
    }

    /// Waits until all calls are answered.
    fn wait(&self) -> Outcome<()> {
        let begin = Instant::now();
        while !lock(&self.table).sent.is_empty() {
            if self.receiving.is_finished() || begin.elapsed() > TIMEOUT {
                return Err("calls are not answered".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Client for Calls {
    /// A server runs 1,024 calls at once by default.
    const CALLS: u64 = 1024;

    fn send(&mut self, rate: u64) -> Outcome<Outcomes> {
        pace(rate, |due| {
            let mut lines = String::new();
            for _ in 0..due {
                self.next += 1;
                lines += &call(self.next, self.era);
                lines.push('\n');
                lock(&self.table).sent.insert(self.next, Instant::now());
            }
            Ok(self.input.write_all(lines.as_bytes())?)
        })?;
        self.wait()?;
        Ok(std::mem::take(&mut lock(&self.table).outcomes))
    }
}

fn receive(source: impl BufRead, table: &Mutex<Table>) -> Outcome<()> {
    for line in source.lines() {
        let reply = serde_json::from_str(&line?)?;
        let is_refusal = is_refusal(&reply)?;
        let mut table = lock(table);
        let sent = reply["id"].as_u64().and_then(|id| table.sent.remove(&id));
        let sent = sent.ok_or_else(|| format!("no call for {reply}"))?;
        if is_refusal {
            table.outcomes.refused.push(sent.elapsed());
        } else {
            table.outcomes.completed += 1;
        }
    }
    Ok(())
}
