//! Measures one call: `hot-path DIRECTORY`, where profiles are left. `benches/hot-path` builds and starts it.

mod client;
mod subject;
mod valgrind;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use client::{Era, Pace};
use subject::Subject;
use valgrind::Counts;

/// How many calls the two runs make whose difference counts.
const SHORT: usize = 500;
const LONG: usize = 2500;

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

    /// The most instructions that one call may take, sent after the answer to the one before.
    fn budget(self) -> u32 {
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
    instructions: f64,
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
    fn budget(&self) -> Option<u32> {
        let counts =
            self.pace == Pace::Sequential && matches!(self.subject, Subject::Server { .. });
        counts.then(|| self.transport.budget())
    }

    fn measure(&self, directory: &Path) -> Result<Cost> {
        let short = self.run(directory, SHORT)?;
        let long = self.run(directory, LONG)?;
        let each = |short: u64, long: u64| {
            #[allow(clippy::cast_precision_loss)] // small numbers
            let share = long.saturating_sub(short) as f64 / (LONG - SHORT) as f64;
            share
        };
        Ok(Cost {
            instructions: each(short.instructions, long.instructions),
            allocations: each(short.allocations, long.allocations),
        })
    }

    /// What a server did that answered so many calls.
    fn run(&self, directory: &Path, calls: usize) -> Result<Counts> {
        let profile = directory.join(format!("{}-{calls}.callgrind", self.slug()));
        let mut command = valgrind::callgrind(&profile);
        self.subject.arguments(&mut command, self.transport)?;
        match self.transport {
            Transport::Stdio => client::over_stdio(command, self.era, self.pace, calls),
            Transport::Http => client::over_http(command, self.era, calls),
        }
        .and_then(|()| valgrind::read(&profile))
        .map_err(|error| format!("{}: {error}", self.slug()).into())
    }
}

fn print(case: &Case, cost: &Cost) -> bool {
    let (budget, verdict) = match case.budget() {
        Some(budget) if cost.instructions <= f64::from(budget) => (budget.to_string(), "ok"),
        Some(budget) => (budget.to_string(), "OVER"),
        None => (String::new(), ""),
    };
    println!(
        "{:9} {:6} {:10} {:10} {:12.0} {:11.1} {:>7} {}",
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

fn run(directory: &Path, only: &str) -> Result<bool> {
    println!(
        "{:9} {:6} {:10} {:10} {:>12} {:>11} {:>7}",
        "transport", "era", "calls", "of", "instructions", "allocations", "budget"
    );
    let mut kept = true;
    for case in Case::all().iter().filter(|case| case.slug().contains(only)) {
        kept &= print(case, &case.measure(directory)?);
    }
    Ok(kept)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(directory) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: hot-path DIRECTORY [PART-OF-A-NAME]");
        return ExitCode::from(2);
    };
    match run(&directory, &arguments.next().unwrap_or_default()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
