//! The memory of a server that remembers the tokens of many callers.

use std::process::{Child, Command, Stdio};

use super::client::{Caller, address};
use super::{Result, issuer};

/// The number of callers, each with its own token. It is also the maximum number of tokens that a server remembers.
const PRINCIPALS: usize = 10_000;

/// The maximum growth of the memory, in bytes: 32 MiB by the estimate of the server, and a quarter for the errors of the
/// estimate and for the allocator.
const BUDGET: u64 = 40 << 20;

/// Prints the memory that the first callers take, and what they and as many further ones take. Returns `false` if it exceeds the budget.
pub(super) fn measure() -> Result<bool> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name("server"));
    command.args(["--issuer", &issuer::serve()?, "--http", "127.0.0.1:0"]);
    let mut server = command.stderr(Stdio::piped()).spawn()?;
    let measured = fill(&mut server);
    server.kill()?;
    server.wait()?;
    let [before, first, second] = measured?;
    let [first, second] = [first, second].map(|memory| memory.saturating_sub(before));
    let is_kept = first.max(second) <= BUDGET;
    println!(
        "{PRINCIPALS} principals: {first} bytes, {} each; after as many others: {second} bytes (budget {BUDGET}) {}",
        first / PRINCIPALS as u64,
        if is_kept { "ok" } else { "OVER" }
    );
    Ok(is_kept)
}

/// Returns the memory of the server after one caller, after as many as it remembers, and after twice as many.
fn fill(server: &mut Child) -> Result<[u64; 3]> {
    let mut caller = Caller::new(&address(server)?)?;
    let mut call = |subjects: std::ops::Range<usize>| -> Result<u64> {
        for subject in subjects {
            caller.call(&issuer::credentials(&format!("principal-{subject}"))?)?;
        }
        memory(server)
    };
    Ok([
        call(0..1)?,
        call(1..PRINCIPALS)?,
        call(PRINCIPALS..2 * PRINCIPALS)?,
    ])
}

/// Returns the resident memory of a process in bytes.
fn memory(process: &Child) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no VmRSS")?.parse::<u64>()? * 1024)
}
