//! More calls than the server can run at once: the goodput must stay, and the refusals must come soon.
//!
//! The server requires authorization over HTTP. Calls are sent at a fixed rate, whether the earlier ones are answered or not. The time of a refusal starts when its call was
//! due, so that delays of this program count too.

mod http;
mod stdio;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mcp_tests::Outcome;
use serde_json::Value;

use crate::ask::{Era, sleep};
use crate::callers::{CALLERS, Caller, Way};

/// The time that each call waits. It determines the capacity, and so the rate of the overload: if there are more calls than the
/// processor can read, they wait in the pipe or the socket, and refusals are late.
const WAIT: Duration = Duration::from_secs(2);
/// The time for which calls are sent at one rate.
const PHASE: Duration = Duration::from_secs(4);
/// The rate of the overload is this many times the capacity.
const OVERLOAD: u64 = 10;
/// The part of the goodput at the capacity that must be left.
const KEPT: f64 = 0.8;
/// The time within which 99 of 100 refusals must come.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);

/// The outcomes of the calls of one rate.
#[derive(Default)]
struct Outcomes {
    completed: u32,
    /// The times after which calls were refused.
    refused: Vec<Duration>,
}

/// Returns the first caller with credentials of a kind.
fn first(way: Way) -> Outcome<&'static Caller> {
    let found = CALLERS.iter().find(|caller| caller.way == way);
    Ok(found.ok_or("no caller")?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call of a tool that waits.
fn call(id: u64, era: Era) -> String {
    sleep("wait", WAIT, id, era)
}

/// Calls `send` with the number of calls that are due at this rate, until the end of the phase.
fn pace(rate: u64, mut send: impl FnMut(u64) -> Outcome<()>) -> Outcome<()> {
    let begin = Instant::now();
    let mut done = 0;
    while begin.elapsed() < PHASE {
        let due = rate * u64::try_from(begin.elapsed().as_millis())? / 1000;
        send(due - done)?;
        done = due;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Returns the refusal of a reply, if it is one.
///
/// # Errors
/// Returns an error if the reply is another error.
fn is_refusal(reply: &Value) -> Outcome<bool> {
    match reply["error"]["code"].as_i64() {
        None => Ok(false),
        Some(-32603) => Ok(true),
        Some(_) => Err(format!("not a refusal: {reply}").into()),
    }
}

/// A connected client of a server, which sends calls at a rate and waits until all are answered.
trait Client {
    /// The calls that the server runs at once for this client.
    const CALLS: u64;

    fn send(&mut self, rate: u64) -> Outcome<Outcomes>;
}

/// Sends calls at the capacity of a server, and at ten times the capacity. Returns the outcome in words.
fn judge<C: Client>(mut client: C) -> Outcome<String> {
    let mut phase = |rate| {
        let begin = Instant::now();
        let outcomes = client.send(rate)?;
        let goodput = f64::from(outcomes.completed) / begin.elapsed().as_secs_f64();
        Outcome::Ok((goodput, outcomes.refused))
    };
    let capacity = C::CALLS / WAIT.as_secs();
    let (peak, _) = phase(capacity)?;
    let (goodput, mut refused) = phase(OVERLOAD * capacity)?;
    refused.sort();
    let at = |index: usize| refused.get(index).copied().unwrap_or_default();
    let most = at(refused.len() * 99 / 100);
    let told = format!(
        "{peak:.0} calls per second at the capacity, {goodput:.0} at ten times the capacity ({:.0} %); \
         {} refusals, 99 % within {} ms, all within {} ms",
        goodput / peak * 100.0,
        refused.len(),
        most.as_millis(),
        at(refused.len().saturating_sub(1)).as_millis()
    );
    if goodput < KEPT * peak || most > REFUSED_WITHIN || refused.is_empty() {
        return Err(told.into());
    }
    Ok(told)
}

/// Overloads a server over each transport in each era. Returns the outcomes: the name, and what was measured, as an error if the
/// goodput falls or if refusals are late.
pub(crate) fn run() -> Vec<(&'static str, Outcome<String>)> {
    let over_stdio = |era| stdio::Calls::start(era).and_then(judge);
    let over_http = |era| http::Calls::start(era).and_then(judge);
    vec![
        ("stdio, modern", over_stdio(Era::Modern)),
        ("stdio, legacy", over_stdio(Era::Legacy)),
        ("HTTP, modern", over_http(Era::Modern)),
        ("HTTP, legacy", over_http(Era::Legacy)),
    ]
}
