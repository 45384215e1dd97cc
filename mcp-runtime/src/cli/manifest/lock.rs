//! The lock file: a manifest whose definitions were accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::lints::Finding;
use super::entry::{Entry, FORMAT, Manifest};
use crate::json_path;

/// The number of changed parts that one finding names.
const MAX_SHOWN: usize = 8;

/// A lock file that was read.
pub(in crate::cli) struct Lock {
    /// The path as it was given.
    path: String,
    entries: Entries,
}

/// Entries by kind and name.
type Entries = BTreeMap<(String, String), Entry>;

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, is damaged, or has a newer format.
    pub(in crate::cli) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display().to_string();
        let text = fs::read(path).map_err(|error| {
            format!(
                "the lock file `{shown}` could not be read: {error}: {}",
                write_command(&shown)
            )
        })?;
        let entries = parse(&text).map_err(|mistake| {
            format!(
                "the lock file `{shown}` {mistake}, or {}",
                write_command(&shown)
            )
        })?;
        Ok(Self {
            path: shown,
            entries,
        })
    }

    /// Returns a finding for each definition that was added, removed or changed.
    ///
    /// # Errors
    /// Returns an error if the file is the lock of another server, or if a digest does not belong to its definition.
    pub(in crate::cli) fn compare(&self, manifest: &Manifest) -> Result<Vec<Finding>, String> {
        // Both are read from text, so that numbers are rounded in the same way.
        let current = parse(manifest.to_json().as_bytes())?;
        let (locked, served) = (server(&self.entries), server(&current));
        if locked != served {
            return Err(format!(
                "the lock file `{}` is that of the server `{locked}`, and this is `{served}`: use its own file, or {}",
                self.path,
                write_command(&self.path)
            ));
        }
        let keys: BTreeSet<_> = self.entries.keys().chain(current.keys()).collect();
        let mut found = Vec::new();
        for key in keys {
            let (kind, name) = key;
            let change = match (self.entries.get(key), current.get(key)) {
                (None, _) => " was added".to_owned(),
                (_, None) => " was removed".to_owned(),
                (Some(old), Some(new)) => match self.change(old, new)? {
                    Some(change) => change,
                    None => continue,
                },
            };
            found.push(Finding::new(format!(
                "{kind} `{name}`{change} after `{}` was written: if that is intended, {}",
                self.path,
                write_command(&self.path)
            )));
        }
        Ok(found)
    }

    /// Describes the change of a definition; `None` if it is the same.
    ///
    /// # Errors
    /// Returns an error if the digest in the lock file does not belong to the definition there.
    fn change(&self, old: &Entry, new: &Entry) -> Result<Option<String>, String> {
        let mut paths = Vec::new();
        push_changed(&old.definition, &new.definition, "", &mut paths);
        if paths.is_empty() != (old.sha256 == new.sha256) {
            return Err(format!(
                "the lock file `{}` is damaged: the `sha256` of {} `{}` does not belong to its definition: restore the file, or {}",
                self.path,
                old.kind,
                old.name,
                write_command(&self.path)
            ));
        }
        let more = if paths.len() > MAX_SHOWN { ", .." } else { "" };
        paths.truncate(MAX_SHOWN);
        let is_changed = !paths.is_empty();
        Ok(is_changed.then(|| format!(": {}{more} changed", paths.join(", "))))
    }
}

/// Writes a manifest as a lock file. The file has either its old or its new content at any time.
///
/// # Errors
/// Returns an error if it cannot be written.
pub(super) fn write(path: &Path, manifest: &Manifest) -> Result<(), String> {
    replace(path, &manifest.to_json()).map_err(|error| {
        format!(
            "the lock file `{}` could not be written: {error}",
            path.display()
        )
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A symbolic link stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut temporary = target.clone().into_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut file = File::create_new(&temporary)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| fs::rename(&temporary, &target));
    if replaced.is_err() {
        // The first error is the one that matters.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

fn write_command(path: &str) -> String {
    format!("review the output of `manifest`, and accept it with `manifest --write-lock {path}`")
}

/// Parses a lock file.
///
/// # Errors
/// Describes what is wrong with the file, and one of two corrections.
fn parse(text: &[u8]) -> Result<Entries, String> {
    let damaged = |mistake: String| format!("is damaged: {mistake}: restore it");
    let mut file: Value = serde_json::from_slice(text)
        .map_err(|error| damaged(format!("it is not JSON: {error}")))?;
    match file["format"].as_u64() {
        Some(FORMAT) => {}
        Some(newer) if newer > FORMAT => {
            return Err(format!(
                "has the format {newer}, and this server reads up to {FORMAT}: build it with a newer version of mcp-runtime"
            ));
        }
        _ => return Err(damaged("its `format` is not a known number".to_owned())),
    }
    let all: Vec<Entry> = serde_json::from_value(file["definitions"].take())
        .map_err(|error| damaged(format!("its `definitions` are invalid: {error}")))?;
    let mut entries = Entries::new();
    for entry in all {
        let key = (entry.kind.clone(), entry.name.clone());
        if let Some(other) = entries.insert(key, entry) {
            let mistake = format!("it has {} `{}` twice", other.kind, other.name);
            return Err(damaged(mistake));
        }
    }
    if server(&entries).is_empty() {
        return Err(damaged("it does not name its server".to_owned()));
    }
    Ok(entries)
}

/// Returns the name of the server.
fn server(entries: &Entries) -> &str {
    let mut servers = entries.values().filter(|it| it.kind == "server");
    servers.next().map_or("", |it| &it.name)
}

/// Appends the paths of the parts that differ.
fn push_changed(old: &Value, new: &Value, path: &str, paths: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let path = json_path::joined(path, &json_path::member(name));
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => push_changed(old, new, &path, paths),
                    _ => paths.push(format!("`{path}`")),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                push_changed(
                    old,
                    new,
                    &format!("{path}{}", json_path::item(index)),
                    paths,
                );
            }
        }
        (old, new) if old != new => paths.push(format!("`{path}`")),
        _ => {}
    }
}
