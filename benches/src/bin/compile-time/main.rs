//! Measures build times: `compile-time REPOSITORY DIRECTORY [TOOLS [RUNS]]`. `benches/compile-time` builds and starts
//! it.
//!
//! The benchmark times `cargo build` of one crate in the debug profile, after its dependencies have been built. Each
//! crate is a complete stdio server. The server written by hand uses the same runtime, so the difference is the cost of
//! the macros and of the generated code.

mod build;
mod subject;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use build::Workspace;
use subject::Subject;

/// The largest accepted ratio of the build time with macros to that by hand.
const BUDGET: f64 = 1.3;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The times of one subject, in the order of the runs.
#[derive(Default)]
struct Times {
    whole: Vec<f64>,
    /// The times after a change in the body of one tool.
    edited: Vec<f64>,
}

/// Returns the median, which single runs disturbed by other load do not change.
fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn compare(workspace: &Workspace, runs: usize) -> Result<bool> {
    let subjects: Vec<Subject> = Subject::ALL
        .into_iter()
        .filter(|subject| workspace.prepare(*subject))
        .collect();
    let mut times: Vec<Times> = subjects.iter().map(|_| Times::default()).collect();
    // The subjects take turns, so that other load affects all of them equally.
    for run in 0..runs {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let seconds = |duration: Duration| duration.as_secs_f64();
            times.whole.push(seconds(workspace.build_clean(*subject)?));
            times
                .edited
                .push(seconds(workspace.build_edited(*subject, run)?));
        }
    }
    println!("{:<12}{:>14}{:>18}", "", "whole crate", "one body edited");
    for (subject, times) in subjects.iter().zip(&times) {
        let (whole, edited) = (median(&times.whole), median(&times.edited));
        println!("{:<12}{whole:>12.2} s{edited:>16.2} s", subject.name());
    }
    let whole = |wanted: Subject| {
        let found = subjects.iter().position(|subject| *subject == wanted);
        found.map_or(f64::NAN, |index| median(&times[index].whole))
    };
    let ratio = whole(Subject::Macros) / whole(Subject::ByHand);
    println!("macros / by hand: {ratio:.2} (at most {BUDGET})");
    Ok(ratio <= BUDGET)
}

fn start() -> Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let mut path = || {
        arguments
            .next()
            .map(PathBuf::from)
            .ok_or("a path is missing")
    };
    let (repository, directory) = (path()?, path()?);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (tools, runs) = (number(200)?, number(5)?);
    if tools == 0 || runs == 0 {
        return Err("neither the number of tools nor that of runs may be 0".into());
    }
    compare(&Workspace::new(repository, directory, tools), runs)
}

fn main() -> ExitCode {
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compile-time: {error}");
            ExitCode::FAILURE
        }
    }
}
