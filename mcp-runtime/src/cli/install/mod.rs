//! `install` and `uninstall`: the entry of this server in the configuration of an MCP client.

mod client;
mod document;
mod entry;
mod file;
mod format;
mod json;
mod options;
mod toml;
mod yaml;

use std::path::Path;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use self::client::{ConfigFile, Folders, McpClient};
use self::document::Document;
use self::entry::{Launch, merged};
use super::output::{Failure, write};
pub(super) use options::commands;

/// Runs `install` or `uninstall`. Without the name of a client, lists the clients.
pub(super) fn run(server: &str, command: &str, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let folders = Folders::of_process()?;
    let Some(client) = matches.get_one::<String>("client") else {
        write(&options::list_of_clients(&folders))?;
        return Ok(ExitCode::SUCCESS);
    };
    let client = client::named(client)?;
    let target = Target {
        client,
        name: options::entry_name(server, matches),
        file: client.file(options::scope(client, matches)?, &folders)?,
    };
    let change = if command == "uninstall" {
        target.remove()?
    } else {
        target.add(&options::launch(matches)?)?
    };
    if matches.get_flag("print") {
        return print(&target, &change);
    }
    let backup = match &change.text {
        Some(text) => file::replace(&target.file.path, text)?,
        None => None,
    };
    report(&target, &change, backup.as_deref(), matches)
}

/// The entry of a server in a configuration file.
struct Target {
    client: &'static McpClient,
    name: String,
    file: ConfigFile,
}

/// What a command does to a configuration file.
struct Change {
    /// The new text of the file; `None` if nothing changes.
    text: Option<String>,
    /// The entry after the change; `None` if it is removed.
    entry: Option<Value>,
}

impl Target {
    /// Returns the change that adds the entry, or updates it.
    fn add(&self, launch: &Launch) -> Result<Change, String> {
        self.client.check(launch)?;
        let wanted = self.client.form.entry(&self.name, launch);
        let (mut document, path) = self.open()?;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let found = document.get(&path).map_err(|why| self.failure(&why))?;
        let entry = merged(found.as_ref(), wanted);
        let is_same = found.as_ref() == Some(&entry);
        if !is_same {
            let set = document::change(document.as_mut(), &path, found.as_ref(), &entry);
            set.map_err(|why| self.failure(&why))?;
        }
        Ok(Change {
            text: (!is_same).then(|| document.text()),
            entry: Some(entry),
        })
    }

    /// Returns the change that removes the entry.
    fn remove(&self) -> Result<Change, String> {
        let (mut document, path) = self.open()?;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let removed = document.remove(&path).map_err(|why| self.failure(&why))?;
        Ok(Change {
            text: removed.then(|| document.text()),
            entry: None,
        })
    }

    /// Reads the file. Returns it with the path of the entry in it.
    fn open(&self) -> Result<(Box<dyn Document>, Vec<String>), String> {
        let text = file::read(&self.file.path)?;
        let document = self.file.format.parse(&text);
        let document = document.map_err(|why| self.failure(&why))?;
        let mut path = self.file.section.clone();
        path.push(self.name.clone());
        Ok((document, path))
    }

    fn failure(&self, why: &str) -> String {
        format!(
            "the configuration of {} cannot be edited: {}: {why}: the file is unchanged; `--print` shows the entry to add by \
             hand, as {} describes",
            self.client.title,
            self.file.path.display(),
            self.client.source
        )
    }
}

/// Prints the entry alone, in the format of the file. Other entries may contain secrets.
fn print(target: &Target, change: &Change) -> Result<ExitCode, Failure> {
    let Some(entry) = &change.entry else {
        let verb = if change.text.is_some() {
            "would be"
        } else {
            "is not there to be"
        };
        write(&format!(
            "`{}` {verb} removed from {}",
            target.name,
            target.file.path.display()
        ))?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut document = target.file.format.parse("")?;
    let path = target.file.section.iter().chain([&target.name]);
    let path: Vec<&str> = path.map(String::as_str).collect();
    document::change(document.as_mut(), &path, None, entry)?;
    write(&document.text())?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what has been done.
fn report(
    target: &Target,
    change: &Change,
    backup: Option<&Path>,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let path = target.file.path.display().to_string();
    if matches.get_flag("json") {
        let report = json!({
            "client": target.client.name,
            "name": target.name,
            "path": path,
            "changed": change.text.is_some(),
            "backup": backup.map(|backup| backup.display().to_string()),
        });
        write(&format!("{report:#}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (name, title) = (&target.name, target.client.title);
    let mut text = match (&change.entry, change.text.is_some()) {
        (Some(_), true) => format!("`{name}` is now a server of {title}: {path}"),
        (Some(_), false) => format!("`{name}` was a server of {title} already: {path}"),
        (None, true) => format!("`{name}` is not a server of {title} any more: {path}"),
        (None, false) => format!("`{name}` was not a server of {title}: {path}"),
    };
    if let Some(backup) = backup {
        text.extend([
            "\nThe file before the change: ",
            &backup.display().to_string(),
        ]);
    }
    if change.text.is_some() {
        text.extend(["\n", target.client.next]);
    }
    write(&text)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
