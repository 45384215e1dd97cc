//! Measures one call: `hot-path DIRECTORY [PART-OF-A-NAME]`. Profiles are written to the directory. `benches/hot-path`
//! builds and starts it.

mod client;
#[cfg(feature = "auth")]
mod issuer;
#[cfg(feature = "auth")]
mod principals;
mod subject;
mod valgrind;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use client::{Era, Load, Pace};
use subject::Subject;
use valgrind::Counts;

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

    /// Returns the maximum cost of one call with [`Pace::Sequential`].
    fn budget(self, load: Load) -> Cost {
        let (instructions, allocations) = match (self, load) {
            // About 100 of these are the price of parameters that may wait (`Extraction`), and 90 that of the limit of replies
            // and of refusals by the kind of parameter. 100 are the price of servers that can be mounted, and 100 that of tools
            // that can be tasks.
            (Self::Stdio, Load::Sum | Load::MountedSum) => (17_700.0, 9.0),
            // About 300 of these are the price of clients that end their half of the connection (`HalfClose`), and 400 the
            // noise between runs.
            (Self::Http, Load::Sum | Load::MountedSum) => (41_000.0, 20.0),
            // The text is created once, scanned once for characters to escape, and written once. Each further copy
            // would cost a million instructions.
            (_, Load::Text) => (4_600_000.0, 24.0),
        };
        Cost {
            instructions,
            allocations,
        }
    }
}

/// The largest number of measurements of a case. One that exceeds the budget is repeated, because the instructions of a server
/// over HTTP vary by two in a hundred: they depend on the order in which its threads run.
const ATTEMPTS: usize = 3;

/// The number of layers of the case with layers. They do nothing.
const LAYERS: usize = 5;

/// The maximum cost of these layers and of the first one, which prepares a call that can run again.
const CHAIN: Cost = Cost {
    instructions: 3_500.0,
    allocations: 7.0,
};

/// The maximum cost of a call with a token that was verified before, as a multiple of the same call to a server without
/// authentication.
#[cfg(feature = "auth")]
const AUTHENTICATED: f64 = 1.1;

/// The maximum cost of a call of a mounted server's tool, as a multiple of the same call to that server.
const MOUNTED: f64 = 1.05;

/// The maximum cost of a call of an upstream server's tool in the server before it, as a multiple of the same call to the upstream
/// server. It is the cost of a server and of a client. With the call of the upstream server, it is one and a half times two calls.
#[cfg(feature = "proxy")]
const PROXIED: f64 = 2.0;

/// The same for allocations.
#[cfg(feature = "proxy")]
const PROXIED_ALLOCATIONS: f64 = 2.0;

/// A measured case: one line of the table.
#[derive(Clone, Copy)]
struct Case {
    subject: Subject,
    transport: Transport,
    era: Era,
    load: Load,
    pace: Pace,
}

/// The cost of one call.
struct Cost {
    instructions: f64,
    allocations: f64,
}

impl Cost {
    fn is_within(&self, budget: &Self) -> bool {
        self.instructions <= budget.instructions && self.allocations < budget.allocations + 0.5
    }
}

impl Case {
    fn all() -> Vec<Self> {
        let case = |subject, transport, era, pace| Self {
            subject,
            transport,
            era,
            load: Load::Sum,
            pace,
        };
        let mut cases = Vec::new();
        for tools in [1, 1000] {
            let server = Subject::Server { tools, layers: 0 };
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
            let server = Subject::Server {
                tools: 1,
                layers: 0,
            };
            cases.push(Self {
                load: Load::Text,
                ..case(server, transport, Era::Modern, Pace::Sequential)
            });
            cases.push(case(
                Subject::Server {
                    tools: 1,
                    layers: LAYERS,
                },
                transport,
                Era::Modern,
                Pace::Sequential,
            ));
            cases.push(Self {
                load: Load::MountedSum,
                ..case(Subject::Mounted, transport, Era::Modern, Pace::Sequential)
            });
            cases.push(case(
                Subject::Floor,
                transport,
                Era::Modern,
                Pace::Sequential,
            ));
        }
        #[cfg(feature = "proxy")]
        cases.extend([Transport::Stdio, Transport::Http].map(|transport| Self {
            load: Load::MountedSum,
            ..case(Subject::Proxied, transport, Era::Modern, Pace::Sequential)
        }));
        #[cfg(feature = "auth")]
        cases.push(case(
            Subject::Authenticated,
            Transport::Http,
            Era::Modern,
            Pace::Sequential,
        ));
        cases
    }

    #[cfg(feature = "auth")]
    fn has_token(&self) -> bool {
        matches!(self.subject, Subject::Authenticated)
    }

    /// Returns a name for files.
    fn slug(&self) -> String {
        let (transport, era, pace) = (self.transport.name(), self.era.name(), self.pace.name());
        let load = match self.load {
            Load::Sum | Load::MountedSum => "",
            Load::Text => "-text",
        };
        format!("{transport}-{era}-{pace}-{}{load}", self.subject)
            .replace(' ', "-")
            .to_lowercase()
    }

    /// Returns the maximum cost as a multiple of that of the same call to a server with one tool, if the case has such a limit.
    fn factor(&self) -> Option<f64> {
        match self.subject {
            Subject::Mounted => Some(MOUNTED),
            #[cfg(feature = "proxy")]
            Subject::Proxied => Some(PROXIED),
            #[cfg(feature = "auth")]
            Subject::Authenticated => Some(AUTHENTICATED),
            Subject::Server { .. } | Subject::Floor => None,
        }
    }

    /// Returns the maximum of allocations as such a multiple, if it is not that of instructions.
    fn allocations_factor(&self) -> Option<f64> {
        match self.subject {
            #[cfg(feature = "proxy")]
            Subject::Proxied => Some(PROXIED_ALLOCATIONS),
            _ => None,
        }
    }

    /// Returns the same call to a server with one tool.
    fn plain(&self) -> Self {
        let subject = Subject::Server {
            tools: 1,
            layers: 0,
        };
        Self {
            subject,
            load: Load::Sum,
            ..*self
        }
    }

    /// Measures a case whose limit is a multiple of the cost of the plain call. Returns `false` if it exceeds the limit.
    fn compare(&self, directory: &Path, factor: f64) -> Result<bool> {
        let plain = self.plain().measure(directory)?;
        print(&self.plain(), &plain, None);
        let budget = Cost {
            instructions: plain.instructions * factor,
            allocations: plain.allocations * self.allocations_factor().unwrap_or(factor),
        };
        let cost = self.measure_within(directory, Some(&budget))?;
        let kept = print(self, &cost, Some(&budget));
        #[cfg(feature = "proxy")]
        if matches!(self.subject, Subject::Proxied) {
            let both = cost.instructions + plain.instructions;
            let (proxied, direct) = (self.round_trip()?, self.plain().round_trip()?);
            println!(
                "{:29} with the call of the upstream server {:.2} times two plain calls; by the clock {:.0} us, {:.2} times",
                "",
                both / (2.0 * plain.instructions),
                proxied * 1e6,
                proxied / (2.0 * direct)
            );
        }
        Ok(kept)
    }

    /// Returns the time of one call in seconds, without callgrind.
    #[cfg(feature = "proxy")]
    fn round_trip(&self) -> Result<f64> {
        let time = |calls| -> Result<f64> {
            let mut command = Command::new("env");
            let _upstream = self.subject.arguments(&mut command, self.transport)?;
            let begin = std::time::Instant::now();
            self.call(command, calls)?;
            Ok(begin.elapsed().as_secs_f64())
        };
        let (short, long) = (time(1000)?, time(11_000)?);
        Ok((long - short) / 10_000.0)
    }

    /// Returns the maximum cost, if the case has a fixed one.
    fn budget(&self) -> Option<Cost> {
        let mut budget = self.transport.budget(self.load);
        let layers = match self.subject {
            Subject::Server { layers, .. } => layers,
            #[cfg(feature = "auth")]
            Subject::Authenticated => return None,
            #[cfg(feature = "proxy")]
            Subject::Proxied => return None,
            Subject::Mounted | Subject::Floor => return None,
        };
        if layers > 0 {
            budget.instructions += CHAIN.instructions;
            budget.allocations += CHAIN.allocations;
        }
        (self.pace == Pace::Sequential).then_some(budget)
    }

    /// Returns the numbers of calls of the short and the long run, whose difference is measured.
    fn lengths(&self) -> (usize, usize) {
        match self.load {
            Load::Sum | Load::MountedSum => (500, 2500),
            Load::Text => (5, 25),
        }
    }

    /// Measures the case until it is within the budget, [`ATTEMPTS`] times at most. Returns the last cost.
    fn measure_within(&self, directory: &Path, budget: Option<&Cost>) -> Result<Cost> {
        let mut cost = self.measure(directory)?;
        for _ in 1..ATTEMPTS {
            if budget.is_none_or(|budget| cost.is_within(budget)) {
                break;
            }
            cost = self.measure(directory)?;
        }
        Ok(cost)
    }

    fn measure(&self, directory: &Path) -> Result<Cost> {
        let (few, many) = self.lengths();
        let short = self.run(directory, few)?;
        let long = self.run(directory, many)?;
        let each = |short: u64, long: u64| {
            #[allow(clippy::cast_precision_loss)] // small numbers
            let share = long.saturating_sub(short) as f64 / (many - few) as f64;
            share
        };
        let cost = Cost {
            instructions: each(short.instructions, long.instructions),
            allocations: each(short.allocations, long.allocations),
        };
        if cost.instructions > 0.0 && cost.allocations > 0.0 {
            Ok(cost)
        } else {
            Err(format!(
                "{}: the longer run counts no more than the shorter",
                self.slug()
            )
            .into())
        }
    }

    /// Returns the counts of a server that answered `calls` calls.
    fn run(&self, directory: &Path, calls: usize) -> Result<Counts> {
        let profile = directory.join(format!("{}-{calls}.callgrind", self.slug()));
        let mut command = valgrind::callgrind(&profile);
        let _upstream = self.subject.arguments(&mut command, self.transport)?;
        self.call(command, calls)
            .and_then(|()| valgrind::read(&profile))
            .map_err(|error| format!("{}: {error}", self.slug()).into())
    }

    /// Starts a server and makes calls.
    fn call(&self, command: Command, calls: usize) -> Result<()> {
        match self.transport {
            Transport::Stdio => client::over_stdio(command, self.era, self.load, self.pace, calls),
            Transport::Http => {
                let credentials = self.subject.credentials()?;
                client::over_http(command, self.era, self.load, &credentials, calls)
            }
        }
    }
}

/// Prints the cost of a case. Returns `false` if it exceeds the budget.
fn print(case: &Case, cost: &Cost, budget: Option<&Cost>) -> bool {
    let (budget, verdict) = match budget {
        Some(budget) => {
            let text = format!("{:.0} {:.0}", budget.instructions, budget.allocations);
            let is_kept = cost.is_within(budget);
            (text, if is_kept { "ok" } else { "OVER" })
        }
        None => (String::new(), ""),
    };
    let what = match case.load {
        Load::Sum | Load::MountedSum => case.subject.to_string(),
        Load::Text => "1 MB text".to_owned(),
    };
    println!(
        "{:9} {:6} {:10} {:10} {:12.0} {:11.1} {:>10} {}",
        case.transport.name(),
        case.era.name(),
        case.pace.name(),
        what,
        cost.instructions,
        cost.allocations,
        budget,
        verdict
    );
    verdict != "OVER"
}

fn run(directory: &Path, only: &str) -> Result<bool> {
    let mut cases = Case::all();
    cases.retain(|case| case.slug().contains(only));
    if cases.is_empty() {
        return Err(format!("the name of no case contains `{only}`").into());
    }
    println!(
        "{:9} {:6} {:10} {:10} {:>12} {:>11} {:>10}",
        "transport", "era", "calls", "of", "instructions", "allocations", "budget"
    );
    let mut kept = true;
    #[cfg(feature = "auth")]
    let has_token = cases.iter().any(Case::has_token);
    for case in cases {
        kept &= if let Some(factor) = case.factor() {
            case.compare(directory, factor)?
        } else {
            let budget = case.budget();
            let cost = case.measure_within(directory, budget.as_ref())?;
            print(&case, &cost, budget.as_ref())
        };
    }
    #[cfg(feature = "auth")]
    if has_token {
        kept &= principals::measure()?;
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
