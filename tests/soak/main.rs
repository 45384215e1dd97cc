//! Sends many requests from several clients at once, and checks that each request gets exactly one reply, and its own:
//! `tests/soak/run [REQUESTS] [SEED]`. The memory of the servers must not grow with the number of requests.
//!
//! `tests/soak/run --overload` sends more calls than the server can run at once instead, and takes 50 s.
//!
//! Clients reuse each other's ids, as real ones do, and split their messages at random places. Over HTTP each request needs
//! credentials: tokens that expire soon, or API keys. Clients send a token until it is refused, and some requests with forged
//! credentials or with the session of another caller. Over stdio the caller is the one that the environment names.

#![allow(clippy::print_stdout)] // prints its results

mod ask;
mod callers;
mod credentials;
mod http;
mod issuer;
mod memory;
mod overload;
mod random;
mod stdio;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use mcp_tests::Outcome;
use mcp_tests::server_process::Server;

use crate::ask::{Era, Numbering};
use crate::callers::{CALLERS, Caller, ISSUER};
use crate::http::Site;
use crate::issuer::Issuer;
use crate::memory::{ALLOCATOR, Memory};
use crate::random::Random;

/// The right outcome of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// One reply, its own: a result, or the error of a message that must have one.
    Answered,
    /// No reply, because the message was a notification.
    Silent,
    /// A refusal, because the caller has not the scope.
    Forbidden,
    /// A refusal of a token that had expired. The client then got another.
    Expired,
    /// A refusal of missing or forged credentials.
    Forged,
    /// A refusal of a forged token, because the issuer did not answer in time when the server asked for its key.
    Unchecked,
    /// A refusal of the session of another caller.
    Unknown,
}

/// The verdicts over HTTP, in words.
const OVER_HTTP: [(Verdict, &str); 7] = [
    (Verdict::Answered, "answered with one reply each, their own"),
    (Verdict::Silent, "notifications, not answered"),
    (Verdict::Forbidden, "without the scope, answered with 403"),
    (Verdict::Expired, "with an expired token, answered with 401"),
    (
        Verdict::Forged,
        "with missing or forged credentials, answered with 401",
    ),
    (
        Verdict::Unchecked,
        "with a forged token while the issuer was late, answered with 503",
    ),
    (
        Verdict::Unknown,
        "for the session of another caller, answered with 404",
    ),
];

/// The verdicts over stdio: the caller is that of the connection.
const OVER_STDIO: [(Verdict, &str); 3] = [
    (Verdict::Answered, "answered with one reply each, their own"),
    (Verdict::Silent, "notifications, not answered"),
    (
        Verdict::Forbidden,
        "without the scope, answered with an error",
    ),
];

/// The number of messages from which on each verdict must occur.
const ENOUGH: u64 = 50_000;

/// The results of a client.
#[derive(Default)]
pub(crate) struct Tally {
    verdicts: BTreeMap<Verdict, u64>,
    /// The connections that the server closed after it had refused credentials.
    pub(crate) reopened: u64,
    pub(crate) problems: Vec<String>,
}

impl Tally {
    /// Counts a message.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        *self.verdicts.entry(verdict).or_default() += 1;
    }

    /// Keeps the first few problems, because later ones are usually their consequences.
    pub(crate) fn problem(&mut self, what: impl Into<String>) {
        if self.problems.len() < 5 {
            self.problems.push(what.into());
        }
    }

    fn merge(&mut self, other: Self) {
        for (verdict, count) in other.verdicts {
            *self.verdicts.entry(verdict).or_default() += count;
        }
        self.reopened += other.reopened;
        self.problems.extend(other.problems);
    }

    fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or_default()
    }
}

/// The servers.
const SERVER: &str = "soak-server";

/// The task of one client.
pub(crate) struct Lane {
    pub(crate) number: u64,
    pub(crate) caller: &'static Caller,
    pub(crate) era: Era,
    pub(crate) numbering: Numbering,
    pub(crate) messages: u64,
    pub(crate) random: Random,
}

/// The results of the clients over HTTP and stdio, and the memory of their servers.
type Results = (Tally, Tally, Memory);

/// Each era with each numbering. Over HTTP each is used twice: two legacy clients share a session.
const CLIENTS: [(Era, Numbering); 4] = [
    (Era::Modern, Numbering::FromOne),
    (Era::Modern, Numbering::AlwaysOne),
    (Era::Legacy, Numbering::FromOne),
    (Era::Legacy, Numbering::AlwaysOne),
];
const HTTP_CLIENTS: u64 = 8;
const STDIO_CLIENTS: u64 = 4;

/// The callers by the number of their client, as indexes of [`CALLERS`].
const CALLER_OF: [usize; 12] = [0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9];
/// The clients over HTTP that begin the sessions.
const FIRST_OF_SESSION: [u64; 2] = [2, 6];

fn lane(number: u64, total: u64, seed: u64) -> Lane {
    let clients = HTTP_CLIENTS + STDIO_CLIENTS;
    let index = usize::try_from(number).unwrap_or(0);
    let (era, numbering) = CLIENTS[index % CLIENTS.len()];
    Lane {
        number,
        caller: &CALLERS[CALLER_OF[index]],
        era,
        numbering,
        messages: total / clients + u64::from(number < total % clients),
        random: Random::new(seed.wrapping_add(number)),
    }
}

/// The path of the server, which is built together with this program.
fn server() -> Outcome<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(SERVER))
}

fn run(total: u64, seed: u64) -> Outcome<Results> {
    let server = server()?;
    let issuer = Issuer::start()?;
    let web = Server::http(SERVER, &[(ISSUER, &issuer.url), ALLOCATOR])?;
    let session = |number| http::session(web.address, &issuer, lane(number, total, seed).caller);
    let [one, other] = FIRST_OF_SESSION.map(session);
    let site = Site {
        address: web.address,
        issuer: &issuer,
        sessions: [one?, other?],
    };
    let memory = Memory::default();
    let series = memory.watch("the server on HTTP", web.process());
    let is_done = AtomicBool::new(false);
    let (over_http, over_stdio) = std::thread::scope(|scope| {
        scope.spawn(|| memory.measure(|| is_done.load(Ordering::Relaxed)));
        let over_http: Vec<_> = (0..HTTP_CLIENTS)
            .map(|number| {
                let session = usize::from(number >= HTTP_CLIENTS / 2);
                let (lane, site, series) = (lane(number, total, seed), &site, &series);
                scope.spawn(move || http::converse(site, session, lane, series))
            })
            .collect();
        let over_stdio: Vec<_> = (HTTP_CLIENTS..HTTP_CLIENTS + STDIO_CLIENTS)
            .map(|number| {
                let (lane, server, memory) = (lane(number, total, seed), &server, &memory);
                scope.spawn(move || stdio::converse(server, lane, memory))
            })
            .collect();
        let sums = (sum(over_http), sum(over_stdio));
        is_done.store(true, Ordering::Relaxed);
        sums
    });
    Ok((over_http, over_stdio, memory))
}

fn sum(clients: Vec<std::thread::ScopedJoinHandle<'_, Outcome<Tally>>>) -> Tally {
    let mut all = Tally::default();
    for client in clients {
        match client.join() {
            Ok(Ok(tally)) => all.merge(tally),
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
    if std::env::args().nth(1).as_deref() == Some("--overload") {
        return overload();
    }
    let (total, seed) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}; usage: soak [--overload | [REQUESTS] [SEED]]");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    match run(total, seed) {
        Ok(results) => report(results, total, seed, started),
        Err(error) => {
            eprintln!("the soak could not start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn overload() -> ExitCode {
    let mut is_good = true;
    for (name, outcome) in overload::run() {
        match outcome {
            Ok(told) => println!("overload, {name}: {told}"),
            Err(error) => {
                is_good = false;
                eprintln!("FAILED overload, {name}: {error}");
            }
        }
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints the results.
fn report(
    (over_http, over_stdio, memory): Results,
    total: u64,
    seed: u64,
    started: Instant,
) -> ExitCode {
    let mut sent = 0;
    let mut problems = Vec::new();
    for (transport, clients, words, tally) in [
        ("HTTP", HTTP_CLIENTS, &OVER_HTTP[..], over_http),
        ("stdio", STDIO_CLIENTS, &OVER_STDIO[..], over_stdio),
    ] {
        println!("{transport}, {clients} clients:");
        for (verdict, words) in words {
            let count = tally.count(*verdict);
            println!("{count:>10} {words}");
            if count == 0 && total >= ENOUGH && *verdict != Verdict::Unchecked {
                problems.push(format!("{transport}: none {words}"));
            }
            sent += count;
        }
        if tally.reopened > 0 {
            println!("{:>10} connections closed after a refusal", tally.reopened);
        }
        problems.extend(tally.problems);
    }
    for (line, is_too_much) in memory.report() {
        println!("{line}");
        if is_too_much {
            problems.push(line);
        }
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
