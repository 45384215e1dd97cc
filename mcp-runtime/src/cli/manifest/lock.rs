//! The lock file: a manifest whose definitions were accepted.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::super::lints::{Finding, escape_hidden};
use super::compare::{Changed, changed};
use super::definitions::Manifest;
use super::excerpt;
use crate::lock_file::{Entries, Entry, LockFile, accept_command, parse, server_of};

/// The number of changed parts that one finding names.
const MAX_SHOWN: usize = 8;

/// A lock file that was read.
pub(in crate::cli) struct Lock {
    /// The path as it was given.
    path: PathBuf,
    file: LockFile,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, is damaged, or has a newer format.
    pub(in crate::cli) fn read(path: &Path) -> Result<Self, String> {
        let file = LockFile::read(path)?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Returns a finding for each definition that was added, removed or changed.
    ///
    /// # Errors
    /// Returns an error if the file is the lock of another server, or if a digest does not belong to its definition.
    pub(in crate::cli) fn compare(&self, manifest: &Manifest) -> Result<Vec<Finding>, String> {
        // Both are read from text, so that numbers are rounded in the same way.
        let current = parse(manifest.to_json().as_bytes())?;
        let (locked, served) = (server_of(&self.file.entries), server_of(&current.entries));
        if locked != served {
            return Err(format!(
                "the lock file `{}` is that of the server `{locked}`, and this is `{served}`: use its own file, or {}",
                self.path.display(),
                accept_command(&self.path)
            ));
        }
        let mut found = Vec::new();
        self.push(None, &self.file.entries, &current.entries, &mut found)?;
        found.extend(manifest.unknown().map(|name| Finding::new(unknown(name))));
        let none = Entries::new();
        for (name, new) in &current.upstreams {
            let old = self.file.upstreams.get(name).unwrap_or(&none);
            self.push(Some(name), old, new, &mut found)?;
        }
        Ok(found)
    }

    /// Adds the findings about the entries of the server, or of an upstream server.
    fn push(
        &self,
        upstream: Option<&str>,
        old: &Entries,
        new: &Entries,
        found: &mut Vec<Finding>,
    ) -> Result<(), String> {
        let of = upstream.map_or_else(String::new, |name| {
            format!("upstream server `{}`: ", escape_hidden(name))
        });
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let (kind, name) = key;
            let change = match (old.get(key), new.get(key)) {
                (None, Some(new)) if upstream.is_some() => {
                    format!(" {}", excerpt::difference(None, Some(&new.definition)))
                }
                (None, _) => " was added".to_owned(),
                (_, None) => " was removed".to_owned(),
                (Some(old), Some(new)) => match self.change(old, new, upstream.is_some())? {
                    Some(change) => change,
                    None => continue,
                },
            };
            found.push(Finding::new(format!(
                "{of}{kind} `{}`{change} after `{}` was written: if that is intended, {}",
                escape_hidden(name),
                self.path.display(),
                accept_command(&self.path)
            )));
        }
        Ok(())
    }

    /// Describes the change of a definition; `None` if it is the same. The text of an upstream server is in no version control, so
    /// that its values are shown, too.
    ///
    /// # Errors
    /// Returns an error if the digest in the lock file does not belong to the definition there.
    fn change(
        &self,
        old: &Entry,
        new: &Entry,
        with_values: bool,
    ) -> Result<Option<String>, String> {
        let changed = changed(&old.definition, &new.definition);
        if changed.is_empty() != (old.sha256 == new.sha256) {
            return Err(format!(
                "the lock file `{}` is damaged: the `sha256` of {} `{}` does not belong to its definition: restore the file, or {}",
                self.path.display(),
                old.kind,
                old.name,
                accept_command(&self.path)
            ));
        }
        let shown = changed.iter().take(MAX_SHOWN);
        let shown = shown.map(|it| describe(it, with_values));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = if changed.len() > MAX_SHOWN {
            ", .."
        } else {
            ""
        };
        let end = if with_values { "" } else { " changed" };
        Ok((!changed.is_empty()).then(|| format!(": {shown}{more}{end}")))
    }
}

fn describe(changed: &Changed<'_>, with_values: bool) -> String {
    let path = escape_hidden(&changed.path);
    if with_values {
        let difference = excerpt::difference(changed.old, changed.new);
        format!("`{path}` {difference}")
    } else {
        format!("`{path}`")
    }
}

/// Describes an upstream server whose definitions are not known.
pub(super) fn unknown(upstream: &str) -> String {
    format!(
        "the definitions of the upstream server `{}` are not known, because it is not available: the log says why; start it, and repeat the command",
        escape_hidden(upstream)
    )
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
