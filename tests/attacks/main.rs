//! Attacks on the memory of a server: `tests/attacks/run [NAME]`.
//!
//! Each attack has a server process of its own. The program prints the memory of the process before the attack, at its peak and
//! after the attacker has gone, and the latencies of another client meanwhile. It fails if the memory grows by more than
//! [`MOST`], or if the other client is not served.

#![allow(clippy::print_stdout)] // prints its results

mod bystander;
mod messages;
mod over_http;
mod over_stdio;

use std::io::BufReader;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bystander::{Bystander, Latencies};
use mcp_tests::Outcome;
use mcp_tests::server_process::Server;
use over_http::Attack;
use over_stdio::Client;

/// The attacked server.
const SERVER: &str = "attacked-server";

/// The largest growth of the memory that is allowed, in bytes.
const MOST: u64 = 64_000_000;

/// The longest latency of another client that is allowed.
const LONGEST: Duration = Duration::from_secs(5);

/// The time for which the memory is watched after an attack over stdio, because the server works until its output is full.
const WATCHED: Duration = Duration::from_secs(3);

type OverHttp = fn(SocketAddr) -> Outcome<Attack>;

const OVER_HTTP: [(&str, OverHttp); 8] = [
    ("batch", over_http::batch),
    ("progress-tokens", over_http::progress),
    ("listener-ids", over_http::listener_ids),
    ("logs", over_http::logs),
    ("subscriptions", over_http::subscriptions),
    ("filters", over_http::filters),
    ("outcomes", over_http::outcomes),
    ("readers", over_http::readers),
];

type Write = fn(&mut Client) -> Outcome<()>;
type Read = fn(&mut Client) -> Outcome<String>;

const OVER_STDIO: [(&str, Write, Read); 2] = [
    ("stdio-batch", over_stdio::batch, over_stdio::read_batch),
    (
        "stdio-answers",
        over_stdio::answers,
        over_stdio::read_answers,
    ),
];

/// The results of an attack. Memory is in bytes.
struct Row {
    before: u64,
    peak: u64,
    after: u64,
    latencies: Option<Latencies>,
    note: String,
}

fn over_http(attack: OverHttp) -> Outcome<Row> {
    let server = Server::http(SERVER, &[])?;
    // The first calls allocate what the server keeps.
    let bystander = Bystander::start(server.address);
    std::thread::sleep(Duration::from_millis(200));
    let before = server.resident()?;
    server.reset_peak()?;
    let attack = attack(server.address)?;
    std::thread::sleep(Duration::from_millis(500));
    let peak = server.peak()?;
    let note = attack.note.clone();
    drop(attack);
    std::thread::sleep(Duration::from_millis(200));
    let latencies = bystander.stop()?;
    let after = server.resident()?;
    Ok(Row {
        before,
        peak,
        after,
        latencies: Some(latencies),
        note,
    })
}

fn over_stdio(send: Write, read: Read) -> Outcome<Row> {
    let (server, input, output) = Server::stdio(SERVER, &[])?;
    let output = BufReader::new(output);
    let mut client = Client { input, output };
    client.send(&messages::call(
        0,
        "text",
        &serde_json::json!({ "bytes": 1 }),
        &serde_json::json!({}),
    ))?;
    client.receive()?;
    let before = server.resident()?;
    server.reset_peak()?;
    send(&mut client)?;
    std::thread::sleep(WATCHED);
    let note = read(&mut client)?;
    let (peak, after) = (server.peak()?, server.resident()?);
    Ok(Row {
        before,
        peak,
        after,
        latencies: None,
        note,
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// Prints a row of the table and returns `true` if it is within the limits.
fn print(name: &str, row: Outcome<Row>, took: Duration) -> bool {
    let row = match row {
        Ok(row) => row,
        Err(error) => {
            println!("{name:16} FAILED: {error}");
            return false;
        }
    };
    let growth = row.peak.saturating_sub(row.before);
    let times = row.latencies.as_ref().map(|it| (it.median, it.longest));
    let (median, longest) = times.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |(median, longest)| (milliseconds(median), milliseconds(longest)),
    );
    let is_served = times.is_none_or(|(_, longest)| longest <= LONGEST);
    let passes = growth <= MOST && is_served;
    println!(
        "{name:16} {:>8} {:>8} {:>8} {:>8} {median:>8} {longest:>8} {:>6}  {}{}",
        megabytes(row.before),
        megabytes(row.peak),
        megabytes(row.after),
        megabytes(growth),
        took.as_secs(),
        row.note,
        if passes { "" } else { "  TOO MUCH" },
    );
    passes
}

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let is_chosen = |name: &str| only.as_deref().is_none_or(|only| only == name);
    println!(
        "{:16} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6}",
        "attack", "before", "peak", "after", "growth", "p50 ms", "max ms", "s"
    );
    let mut rows = 0;
    let mut failed = 0;
    let mut run = |name: &str, row: &dyn Fn() -> Outcome<Row>| {
        if is_chosen(name) {
            let started = Instant::now();
            rows += 1;
            failed += u32::from(!print(name, row(), started.elapsed()));
        }
    };
    for (name, attack) in OVER_HTTP {
        run(name, &|| over_http(attack));
    }
    for (name, send, read) in OVER_STDIO {
        run(name, &|| over_stdio(send, read));
    }
    println!(
        "{rows} attacks, {failed} above the limits of {} MB and {} s",
        megabytes(MOST),
        LONGEST.as_secs()
    );
    if rows > 0 && failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
