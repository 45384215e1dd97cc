//! Runs a program under callgrind and reads its counts.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::Result;

/// The counts of a whole run of a program.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) instructions: u64,
    pub(super) allocations: u64,
}

/// The allocation functions of the C library, which Rust's allocator calls.
const ALLOCATORS: [&str; 6] = [
    "malloc",
    "calloc",
    "realloc",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
];

/// Returns a command to which the caller appends the program and its arguments.
pub(super) fn callgrind(profile: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    // Without fast bins. glibc merges them at moments that depend on the addresses of the threads: that took 1.6 million
    // instructions in some starts of a server with 1,000 tools and none in others, so that a difference of two runs was off.
    command.env("GLIBC_TUNABLES", "glibc.malloc.mxfast=0");
    command.arg(option("--callgrind-out-file=", profile));
    command.arg(option("--log-file=", &profile.with_extension("log")));
    command
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Reads a profile.
///
/// See <https://valgrind.org/docs/manual/cl-format.html>: `cfn=(5) malloc` defines the name of a called function,
/// `cfn=(5)` refers to it later, and the following `calls=` contains the number of calls.
pub(super) fn read(profile: &Path) -> Result<Counts> {
    let text = std::fs::read_to_string(profile)?;
    let mut counts = Counts::default();
    let mut allocates = HashMap::new();
    let mut called = false;
    for line in text.lines() {
        if let Some((kind @ ("fn" | "cfn"), function)) = line.split_once('=') {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                allocates.insert(id, ALLOCATORS.contains(&name));
            }
            if kind == "cfn" {
                called = allocates.get(id).copied().unwrap_or_default();
            }
        } else if let Some(calls) = line.strip_prefix("calls=").filter(|_| called) {
            counts.allocations += first_number(calls)?;
        } else if let Some(total) = line.strip_prefix("totals:") {
            counts.instructions = first_number(total)?;
        }
    }
    if counts.instructions == 0 || counts.allocations == 0 {
        return Err(format!("{} contains no counts", profile.display()).into());
    }
    Ok(counts)
}

fn first_number(text: &str) -> Result<u64> {
    let number = text.split_whitespace().next().unwrap_or_default();
    number
        .parse()
        .map_err(|_| format!("`{text}` in a profile is not a number").into())
}
