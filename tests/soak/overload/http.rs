//! Calls over HTTP: many connections of one caller.

use std::sync::{Mutex, mpsc};
use std::time::Instant;

use mcp_tests::Outcome;
use mcp_tests::raw_http::{Connection, modern_headers};
use mcp_tests::server_process::Server;

use super::{Client, Outcomes, call, first, is_refusal, lock, pace};
use crate::ask::Era;
use crate::callers::{ISSUER, Way};
use crate::credentials::own;
use crate::http::session;
use crate::issuer::Issuer;

/// The connections: one for each call that runs, and others for calls that are refused.
const CONNECTIONS: u64 = Calls::CALLS + 64;

/// A client over HTTP.
pub(super) struct Calls {
    server: Server,
    era: Era,
    /// The headers of each request.
    headers: String,
}

impl Calls {
    pub(super) fn start(era: Era) -> Outcome<Self> {
        let (issuer, caller) = (Issuer::start()?, first(Way::Key)?);
        let server = Server::http(crate::SERVER, &[(ISSUER, &issuer.url)])?;
        let headers = match era {
            Era::Legacy => session(server.address, &issuer, caller)?,
            Era::Modern => modern_headers("tools/call", Some("wait")),
        };
        let headers = headers + &own(&issuer, caller)?.headers;
        Ok(Self {
            server,
            era,
            headers,
        })
    }
}

impl Client for Calls {
    /// A caller over HTTP has a quarter of the 1,024 calls that a server runs at once by default.
    const CALLS: u64 = 256;

    fn send(&mut self, rate: u64) -> Outcome<Outcomes> {
        let body = call(1, self.era);
        let (due, queue) = mpsc::channel();
        let (queue, outcomes) = (Mutex::new(queue), Mutex::default());
        std::thread::scope(|scope| {
            let open = |_| {
                let connection = Connection::open(self.server.address)?;
                let (queue, outcomes, request) = (&queue, &outcomes, (&*self.headers, &*body));
                Outcome::Ok(scope.spawn(move || converse(connection, request, queue, outcomes)))
            };
            let clients = (0..CONNECTIONS).map(open).collect::<Outcome<Vec<_>>>()?;
            pace(rate, |calls| {
                let now = Instant::now();
                (0..calls).try_for_each(|_| Ok(due.send(now)?))
            })?;
            drop(due);
            for client in clients {
                client.join().map_err(|_| "a client panicked")??;
            }
            Outcome::Ok(())
        })?;
        Ok(outcomes.into_inner()?)
    }
}

/// Sends calls on one connection, one after the other.
fn converse(
    mut connection: Connection,
    (headers, body): (&str, &str),
    queue: &Mutex<mpsc::Receiver<Instant>>,
    outcomes: &Mutex<Outcomes>,
) -> Outcome<()> {
    loop {
        let Ok(due) = lock(queue).recv() else {
            return Ok(());
        };
        let answer = connection.ask(headers, body)?;
        let is_refusal = is_refusal(&answer.message()?)?;
        let elapsed = due.elapsed();
        let mut outcomes = lock(outcomes);
        match (is_refusal, answer.status) {
            (true, 429 | 503) => outcomes.refused.push(elapsed),
            (false, 200) => outcomes.completed += 1,
            (_, status) => return Err(format!("the status is {status}").into()),
        }
    }
}
