//! Sends many requests from several clients at once, and checks that each request gets exactly one reply, and its own:
//! `tests/soak/run [REQUESTS] [SEED]`.
//!
//! Clients reuse each other's ids, as real ones do, and split their messages at random places.

#![allow(clippy::print_stdout)] // prints its results

mod ask;
mod http;
mod random;
mod stdio;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::ask::{Era, Numbering};
use crate::random::Random;

/// The results of a client.
#[derive(Default)]
pub(crate) struct Tally {
    /// Requests with a correct reply.
    pub(crate) answered: u64,
    /// Notifications, which must not be answered.
    pub(crate) silent: u64,
    pub(crate) problems: Vec<String>,
}

impl Tally {
    /// Keeps the first few problems, because later ones are usually their consequences.
    pub(crate) fn problem(&mut self, what: impl Into<String>) {
        if self.problems.len() < 5 {
            self.problems.push(what.into());
        }
    }

    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.silent += other.silent;
        self.problems.extend(other.problems);
    }
}

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The time that a client waits for a reply.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// The task of one client.
pub(crate) struct Lane {
    pub(crate) number: u64,
    pub(crate) era: Era,
    pub(crate) numbering: Numbering,
    pub(crate) messages: u64,
    pub(crate) random: Random,
}

/// Each era with each numbering. Over HTTP each is used twice: two legacy clients share a session.
const CLIENTS: [(Era, Numbering); 4] = [
    (Era::Modern, Numbering::FromOne),
    (Era::Modern, Numbering::AlwaysOne),
    (Era::Legacy, Numbering::FromOne),
    (Era::Legacy, Numbering::AlwaysOne),
];
const HTTP_CLIENTS: u64 = 8;
const STDIO_CLIENTS: u64 = 4;

fn lane(number: u64, total: u64, seed: u64) -> Lane {
    let clients = HTTP_CLIENTS + STDIO_CLIENTS;
    let (era, numbering) = CLIENTS[usize::try_from(number).unwrap_or(0) % CLIENTS.len()];
    Lane {
        number,
        era,
        numbering,
        messages: total / clients + u64::from(number < total % clients),
        random: Random::new(seed.wrapping_add(number)),
    }
}

/// The path of the server, which is built together with this program.
fn server() -> Outcome<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("wire-server"))
}

fn run(total: u64, seed: u64) -> Outcome<(Tally, Tally)> {
    let server = server()?;
    let web = http::Server::start(&server)?;
    let sessions = [http::session(web.address)?, http::session(web.address)?];
    std::thread::scope(|scope| {
        let over_http: Vec<_> = (0..HTTP_CLIENTS)
            .map(|number| {
                let session = &sessions[usize::from(number >= HTTP_CLIENTS / 2)];
                let (lane, address) = (lane(number, total, seed), web.address);
                scope.spawn(move || http::converse(address, session, lane))
            })
            .collect();
        let over_stdio: Vec<_> = (HTTP_CLIENTS..HTTP_CLIENTS + STDIO_CLIENTS)
            .map(|number| {
                let (lane, server) = (lane(number, total, seed), &server);
                scope.spawn(move || stdio::converse(server, lane))
            })
            .collect();
        Ok((sum(over_http), sum(over_stdio)))
    })
}

fn sum(clients: Vec<std::thread::ScopedJoinHandle<'_, Outcome<Tally>>>) -> Tally {
    let mut all = Tally::default();
    for client in clients {
        match client.join() {
            Ok(Ok(tally)) => all.add(tally),
            Ok(Err(error)) => all.problems.push(format!("a client failed: {error}")),
            Err(_) => all.problems.push("a client panicked".to_owned()),
        }
    }
    all
}

/// Returns the number of requests and the seed, from the command line.
fn arguments() -> Outcome<(u64, u64)> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let Some(text) = arguments.next() else {
            return Ok(default);
        };
        let number = text.parse::<u64>();
        number.map_err(|error| format!("`{text}`: {error}"))
    };
    let (total, seed) = (number(1_000_000)?, number(1)?);
    if total < HTTP_CLIENTS + STDIO_CLIENTS {
        return Err(format!("{total} requests are too few: a client would send none").into());
    }
    Ok((total, seed))
}

fn main() -> ExitCode {
    let (total, seed) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}; usage: soak [REQUESTS] [SEED]");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let (over_http, over_stdio) = match run(total, seed) {
        Ok(tallies) => tallies,
        Err(error) => {
            eprintln!("the soak could not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut sent = 0;
    let mut problems = Vec::new();
    for (transport, clients, tally) in [
        ("HTTP", HTTP_CLIENTS, over_http),
        ("stdio", STDIO_CLIENTS, over_stdio),
    ] {
        let Tally {
            answered, silent, ..
        } = tally;
        println!(
            "{transport}: {clients} clients, {answered} requests with one reply each, their own; {silent} notifications with none"
        );
        sent += answered + silent;
        problems.extend(tally.problems);
    }
    println!(
        "{sent} of {total} messages accounted for in {:.1} s, seed {seed}",
        started.elapsed().as_secs_f64()
    );
    for problem in &problems {
        eprintln!("FAILED {problem}");
    }
    if problems.is_empty() && sent == total {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
