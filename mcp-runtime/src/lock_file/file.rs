//! A lock file as text.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::Value;

use super::entry::{Entries, Entry, server_of};

/// The version of the form.
pub(crate) const FORMAT: u64 = 1;
/// The size of a lock file, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// A lock file that was read.
#[derive(Debug)]
pub(crate) struct LockFile {
    /// The definitions of the server, as clients see them.
    pub(crate) entries: Entries,
    /// The definitions of upstream servers, as those send them, by the names of the servers.
    pub(crate) upstreams: BTreeMap<String, Entries>,
}

impl LockFile {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, is damaged, or has a newer format.
    #[cfg(feature = "cli")]
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        Self::parse(path, &Self::text(path)?)
    }

    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// Returns an error if it cannot be read.
    pub(crate) fn text(path: &Path) -> Result<Vec<u8>, String> {
        read(path).map_err(|error| {
            let (path, accept) = (path.display(), accept_command(path));
            format!("the lock file `{path}` could not be read: {error}: {accept}")
        })
    }

    /// Parses the text of a lock file.
    ///
    /// # Errors
    /// Returns an error if it is damaged, or has a newer format.
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, String> {
        parse(text).map_err(|mistake| {
            let (path, accept) = (path.display(), accept_command(path));
            format!("the lock file `{path}` {mistake}, or {accept}")
        })
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "it has more than {MAX_BYTES} bytes"
        )));
    }
    Ok(text)
}

/// Describes how definitions are accepted. What must be reviewed is the file itself: an upstream server can send another text each
/// time that it is asked.
pub(crate) fn accept_command(path: &Path) -> String {
    let path = path.display();
    format!(
        "write the file with `manifest --write-lock {path}`, and review its difference before you deploy it"
    )
}

/// Parses a lock file.
///
/// # Errors
/// Describes what is wrong with the file, and one of two corrections.
pub(crate) fn parse(text: &[u8]) -> Result<LockFile, String> {
    let mut file: Value = serde_json::from_slice(text)
        .map_err(|error| damaged(&format!("it is not JSON: {error}")))?;
    match file["format"].as_u64() {
        Some(FORMAT) => {}
        Some(newer) if newer > FORMAT => {
            return Err(format!(
                "has the format {newer}, and this server reads up to {FORMAT}: build it with a newer version of mcp-runtime"
            ));
        }
        _ => return Err(damaged("its `format` is not a known number")),
    }
    let entries = entries(file["definitions"].take(), "its `definitions` are")?;
    if server_of(&entries).is_empty() {
        return Err(damaged("it does not name its server"));
    }
    let mut upstreams = BTreeMap::new();
    match file["upstreams"].take() {
        Value::Null => {}
        Value::Object(members) => {
            for (name, all) in members {
                let all = entries_of_upstream(all, &name)?;
                upstreams.insert(name, all);
            }
        }
        _ => return Err(damaged("its `upstreams` are not an object")),
    }
    Ok(LockFile { entries, upstreams })
}

fn entries_of_upstream(all: Value, name: &str) -> Result<Entries, String> {
    let of = format!("the definitions of the upstream server `{name}` are");
    let all = entries(all, &of)?;
    let Some(wrong) = all.values().find(|it| !it.is_whole()) else {
        return Ok(all);
    };
    Err(damaged(&format!(
        "the `sha256` of {} `{}` of the upstream server `{name}` does not belong to its definition",
        wrong.kind, wrong.name
    )))
}

fn entries(all: Value, what: &str) -> Result<Entries, String> {
    let all: Vec<Entry> = serde_json::from_value(all)
        .map_err(|error| damaged(&format!("{what} invalid: {error}")))?;
    let mut entries = Entries::new();
    for entry in all {
        let key = (entry.kind.clone(), entry.name.clone());
        if let Some(other) = entries.insert(key, entry) {
            let mistake = format!("it has {} `{}` twice", other.kind, other.name);
            return Err(damaged(&mistake));
        }
    }
    Ok(entries)
}

fn damaged(mistake: &str) -> String {
    format!("is damaged: {mistake}: restore it")
}
