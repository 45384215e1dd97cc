//! The file of the graph: a line of JSON for each entity and relation.
//!
//! A change writes a temporary file in the same directory, flushes it to the disk, renames it to the file, and flushes
//! the directory. So the file is complete at each moment, and a change that was confirmed is not lost. A lock on a file
//! beside it lets one process at a time read, change and write.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_runtime::ToolError;
use serde::{Deserialize, Serialize};

use crate::graph::{Entity, Graph, Relation};

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Entity(Entity),
    Relation(Relation),
}

/// The file, and one writer of this process at a time.
pub(crate) struct Store {
    path: PathBuf,
    directory: PathBuf,
    writing: Mutex<()>,
}

impl Store {
    /// Opens the file, which need not exist.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // The file that a link leads to is replaced, and not the link.
        let path = path.canonicalize().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => std::path::absolute(path),
            _ => Err(error),
        })?;
        let directory = path.parent().map(Path::to_owned);
        let directory = directory.filter(|it| it.is_dir());
        let directory =
            directory.ok_or_else(|| io::Error::other("its directory does not exist"))?;
        let store = Self {
            path,
            directory,
            writing: Mutex::default(),
        };
        // Reports a mistake in the file when the server starts, and not in the first call.
        store.load()?;
        Ok(store)
    }

    pub(crate) fn read(&self) -> Result<Graph, ToolError> {
        Ok(self.load()?)
    }

    /// Changes the graph. Returns after the change is on the disk; if `change` fails, nothing changes.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Graph) -> Result<T, ToolError>,
    ) -> Result<T, ToolError> {
        let _writing = self.lock()?;
        let before = self.load()?;
        let mut graph = before.clone();
        let result = change(&mut graph)?;
        if graph != before {
            self.save(&graph).map_err(|error| {
                ToolError::new(format!("the graph could not be saved: {error}"))
            })?;
        }
        Ok(result)
    }

    fn lock(&self) -> io::Result<(MutexGuard<'_, ()>, Option<File>)> {
        let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((guard, lock_file(&self.beside(".lock"))?))
    }

    /// Returns the path of a file in the same directory, with a longer name.
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self
            .path
            .file_name()
            .map(OsString::from)
            .unwrap_or_default();
        name.push(ending);
        self.directory.join(name)
    }

    fn load(&self) -> io::Result<Graph> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Graph::default()),
            Err(error) => return Err(error),
        };
        let mut graph = Graph::default();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let line = serde_json::from_str(line).map_err(|error| {
                let (path, number) = (self.path.display(), index + 1);
                io::Error::other(format!("line {number} of `{path}`: {error}"))
            })?;
            match line {
                Line::Entity(entity) => graph.entities.push(entity),
                Line::Relation(relation) => graph.relations.push(relation),
            }
        }
        Ok(graph)
    }

    fn save(&self, graph: &Graph) -> io::Result<()> {
        let entities = graph.entities.iter().cloned().map(Line::Entity);
        let relations = graph.relations.iter().cloned().map(Line::Relation);
        let lines = entities
            .chain(relations)
            .map(|line| serde_json::to_string(&line));
        let text = lines.collect::<Result<Vec<_>, _>>()?.join("\n");
        // A file that a killed process left is overwritten.
        let temporary = self.beside(".tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        if let Ok(metadata) = fs::metadata(&self.path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        // Only this makes the new name durable.
        #[cfg(unix)]
        File::open(&self.directory)?.sync_all()?;
        Ok(())
    }
}

/// Waits for the lock of a file. It is released when the file is closed, also by the end of the process.
#[cfg(unix)]
fn lock_file(path: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    let file = options.create(true).append(true).open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(Some(file))
}

/// Does nothing: on this system, only one server at a time may use a file.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // the other function can fail
fn lock_file(_path: &Path) -> io::Result<Option<File>> {
    Ok(None)
}
