//! Measures one call: `hot-path DIRECTORY`, where profiles are left. The script of the same name says how to read it.

mod client;
mod subject;
mod valgrind;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use client::{Era, Pace};
use subject::Subject;
use valgrind::Tool;

/// How many calls the two runs make whose difference counts.
const SHORT: usize = 200;
const LONG: usize = 1200;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Stdio,
    Http,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "HTTP",
        }
    }

    /// The most instructions that one modern call may take, sent after the answer to the one before.
    fn budget(self) -> u64 {
        match self {
            Self::Stdio => 25_000,
            Self::Http => 45_000,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy)]
struct Case {
    subject: Subject,
    transport: Transport,
    era: Era,
    pace: Pace,
}

/// What one call takes.
struct Cost {
    instructions: u64,
    allocations: f64,
}

impl Case {
    fn all() -> Vec<Self> {
        let case = |subject, transport, era, pace| Self {
            subject,
            transport,
            era,
            pace,
        };
        let mut cases = Vec::new();
        for tools in [1, 1000] {
            let server = Subject::Server { tools };
            cases.push(case(
                server,
                Transport::Stdio,
                Era::Modern,
                Pace::Sequential,
            ));
            cases.push(case(server, Transport::Stdio, Era::Modern, Pace::Pipelined));
            cases.push(case(
                server,
                Transport::Stdio,
                Era::Legacy,
                Pace::Sequential,
            ));
            cases.push(case(server, Transport::Stdio, Era::Legacy, Pace::Pipelined));
            cases.push(case(server, Transport::Http, Era::Modern, Pace::Sequential));
            cases.push(case(server, Transport::Http, Era::Legacy, Pace::Sequential));
        }
        for transport in [Transport::Stdio, Transport::Http] {
            cases.push(case(
                Subject::Floor,
                transport,
                Era::Modern,
                Pace::Sequential,
            ));
        }
        cases
    }

    /// A name for files.
    fn slug(&self) -> String {
        let (transport, era, pace) = (self.transport.name(), self.era.name(), self.pace.name());
        format!("{transport}-{era}-{pace}-{}", self.subject)
            .replace(' ', "-")
            .to_lowercase()
    }

    /// The most instructions, where there is a limit.
    fn budget(&self) -> Option<u64> {
        let counts = self.era == Era::Modern
            && self.pace == Pace::Sequential
            && matches!(self.subject, Subject::Server { .. });
        counts.then(|| self.transport.budget())
    }

    fn measure(&self, directory: &Path) -> Result<Cost> {
        let count = |tool: Tool, calls: usize| {
            let profile = directory.join(format!("{}-{calls}.{}", self.slug(), tool.name()));
            self.run(tool, calls, &profile)
                .map_err(|error| format!("{}: {error}", self.slug()))
        };
        #[allow(clippy::cast_precision_loss)] // small numbers
        let each = |tool| -> Result<f64> {
            let more = count(tool, LONG)?.saturating_sub(count(tool, SHORT)?);
            Ok(more as f64 / (LONG - SHORT) as f64)
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small and not negative
        let instructions = each(Tool::Callgrind)?.round() as u64;
        let allocations = each(Tool::Memcheck)?;
        Ok(Cost {
            instructions,
            allocations,
        })
    }

    /// What `tool` counted in the whole life of a server that answered so many calls.
    fn run(&self, tool: Tool, calls: usize, profile: &Path) -> Result<u64> {
        let mut command = tool.command(profile);
        self.subject.arguments(&mut command, self.transport)?;
        match self.transport {
            Transport::Stdio => client::over_stdio(command, self.era, self.pace, calls)?,
            Transport::Http => client::over_http(command, self.era, calls)?,
        }
        tool.total(profile)
    }
}

fn print(case: &Case, cost: &Cost) -> bool {
    let (budget, verdict) = match case.budget() {
        Some(budget) if cost.instructions <= budget => (budget.to_string(), "ok"),
        Some(budget) => (budget.to_string(), "OVER"),
        None => (String::new(), ""),
    };
    println!(
        "{:9} {:6} {:10} {:10} {:12} {:11.1} {:>7} {}",
        case.transport.name(),
        case.era.name(),
        case.pace.name(),
        case.subject.to_string(),
        cost.instructions,
        cost.allocations,
        budget,
        verdict
    );
    verdict != "OVER"
}

fn run(directory: &Path) -> Result<bool> {
    println!(
        "{:9} {:6} {:10} {:10} {:>12} {:>11} {:>7}",
        "transport", "era", "calls", "of", "instructions", "allocations", "budget"
    );
    let mut kept = true;
    for case in Case::all() {
        kept &= print(&case, &case.measure(directory)?);
    }
    Ok(kept)
}

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: hot-path DIRECTORY");
        return ExitCode::from(2);
    };
    match run(&directory) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
