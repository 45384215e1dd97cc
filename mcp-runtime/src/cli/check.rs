//! The command `check`, and `Server::check`: findings about definitions, about functions that list or complete, and about changes
//! since the lock file was written.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::lints::clients::ClientRules;
use super::lints::{self, Definitions, Finding, directory};
use super::manifest::{Lock, Manifest};
use super::output::{Failure, line, lines, write};
use super::{collect, functions, scopes};
use crate::client::{Client, ClientError};
use crate::lock_file::Record;
use crate::server::{Server, ServerHandle};

impl Server {
    /// Returns what some clients or models may not handle in this server, and the functions that fail to list or complete: the
    /// lines of the command `check`, for a test. The server is started and stopped, and [`Server::visible`] does not apply.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Add two numbers.
    /// #[tool]
    /// async fn add(
    ///     /// The first addend.
    ///     a: f64,
    ///     b: f64,
    /// ) -> f64 {
    ///     a + b
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let findings = Server::new("calc", "1.0.0").with(components![add]).check().await?;
    /// // A test of a server without mistakes is `assert_eq!(findings, [])`.
    /// assert_eq!(findings.len(), 1);
    /// assert!(findings[0].to_string().contains("`b` has no description"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server cannot be built or started, or if a layer fails its lists.
    pub async fn check(self) -> Result<Vec<Finding>, ClientError> {
        let handle = self.handle();
        #[cfg(feature = "auth")]
        let caller = scopes::checker(&self);
        let (server, _) = self.recording_upstreams();
        let server = server.without_exporters().all_visible().all_listed();
        let client = server.client();
        #[cfg(feature = "auth")]
        let client = client.identified(caller);
        let client = client.await;
        let found = findings(&client, &handle).await.map(|(_, found)| found);
        client.close().await;
        found
    }
}

/// Prints the findings. The exit code is 1 if one of them is an error, or if warnings are denied.
pub(super) async fn run(
    client: &Client,
    handle: &ServerHandle,
    record: &Record,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let (found, notes) = report(client, handle, record, matches).await?;
    if matches.get_flag("json") {
        write(&format!("{:#}", to_json(&found, &notes)))?;
    } else {
        write(&scopes::table(handle))?;
        print(&found, &notes)?;
    }
    let denies_warnings = matches.get_flag("deny-warnings");
    let fails = |it: &Finding| !it.is_warning() || denies_warnings;
    Ok(if found.iter().any(fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Returns the findings and the notes that the options ask for.
async fn report(
    client: &Client,
    handle: &ServerHandle,
    record: &Record,
    matches: &ArgMatches,
) -> Result<(Vec<Finding>, Vec<String>), Failure> {
    let named = matches.get_one::<String>("client");
    let named = named.and_then(|name| lints::clients::client(name));
    let with_directories = matches.get_flag("directory");
    if named.is_some() || with_directories {
        let all = collect::declared(client, handle).await?;
        return Ok(of_clients(&all, named, with_directories));
    }
    let lock = matches.get_one::<PathBuf>("lock");
    let lock = lock.map(|path| Lock::read(path)).transpose()?;
    let (all, mut found) = findings(client, handle).await?;
    if let Some(lock) = lock {
        found.extend(lock.compare(&Manifest::new(&all, record.recorded()))?);
    }
    Ok((found, Vec::new()))
}

fn to_json(found: &[Finding], notes: &[String]) -> Value {
    let found: Vec<_> = found.iter().map(Finding::to_json).collect();
    if notes.is_empty() {
        json!({ "findings": found })
    } else {
        json!({ "findings": found, "notes": notes })
    }
}

/// Returns the definitions of a server, and the findings about it. Its client sees all components.
async fn findings(
    client: &Client,
    handle: &ServerHandle,
) -> Result<(Definitions, Vec<Finding>), ClientError> {
    let snapshot = handle.snapshot();
    let mut all = collect::declared(client, handle).await?;
    let names = all.tools.iter().filter_map(|tool| tool["name"].as_str());
    let unenforced = names.filter_map(|name| {
        let unenforced = snapshot.tool(name)?.unenforced();
        Some((name.to_owned(), unenforced))
    });
    all.unenforced = unenforced.collect();
    let mut found = lints::findings(&all);
    found.extend(functions::check(client, handle, &snapshot, &all.resources).await?);
    Ok((all, found))
}

/// Returns the findings about one client and about directories, and notes about what no definition shows.
fn of_clients(
    all: &Definitions,
    client: Option<&ClientRules>,
    with_directories: bool,
) -> (Vec<Finding>, Vec<String>) {
    let mut found = Vec::new();
    let mut notes = Vec::new();
    if let Some(client) = client {
        found.extend(client.findings(all));
        notes.extend(client.notes());
    }
    if with_directories {
        found.extend(directory::findings(all));
        notes.extend(directory::notes());
    }
    (found, notes)
}

fn print(found: &[Finding], notes: &[String]) -> Result<(), String> {
    if found.is_empty() {
        write("no findings")?;
    }
    let found = found.iter().map(|it| line(&it.to_string()).into());
    let notes = notes.iter().map(|note| format!("note: {note}"));
    let all: Vec<String> = found.chain(notes).collect();
    if all.is_empty() {
        return Ok(());
    }
    write(&lines(all.into_iter()))
}
