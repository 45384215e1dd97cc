//! Which definitions of upstream servers are offered: all, or those that a lock file accepts.
//!
//! The definitions are compared as the upstream server sends them, and not as they are offered: the text that a person must read is that of
//! the other server. Prefixes and transforms are code of this server, and are reviewed with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::list::List;
#[cfg(feature = "cli")]
use crate::lock_file::Record;
use crate::lock_file::{Entry, LockFile, server_of};
use crate::sync::Mutex;

/// The time between two checks whether the lock file has changed.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);
/// The kind of the entry with the instructions of a server.
const SERVER: &str = "server";

/// Which definitions of upstream servers are offered.
#[derive(Debug, Clone, Default)]
pub(crate) enum Review {
    /// All of them.
    #[default]
    None,
    /// Those that a lock file accepts, which is not read yet.
    Path(PathBuf),
    /// Those that a lock file accepts.
    Held(Arc<Held>),
    /// All of them, which are recorded.
    #[cfg(feature = "cli")]
    Recorded(Arc<Record>),
}

/// Upstream servers that are held to a lock file.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    /// The name of the server.
    server: String,
    state: Mutex<State>,
    /// Held while the file is read.
    reading: tokio::sync::Mutex<()>,
}

/// The last lock file that could be read.
#[derive(Debug)]
struct State {
    file: Arc<LockFile>,
    /// The digest of its text.
    sha256: [u8; 32],
    /// The number of different files that were read.
    generation: u64,
    checked: Instant,
    /// The last error, while the present file cannot be used.
    problem: String,
}

/// The reason why a definition is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its server is not in the lock file.
    Server,
    New,
    Changed,
}

impl Review {
    /// Returns the path of the lock file.
    #[cfg(feature = "cli")]
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Reads the lock file.
    ///
    /// # Errors
    /// Returns an error if it cannot be used.
    pub(crate) fn start(&mut self, server: &str) -> Result<(), String> {
        if let Self::Path(path) = self {
            *self = Self::Held(Arc::new(Held::read(std::mem::take(path), server)?));
        }
        Ok(())
    }

    pub(super) fn held(&self) -> Option<&Arc<Held>> {
        match self {
            Self::Held(held) => Some(held),
            _ => None,
        }
    }

    #[cfg(feature = "cli")]
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Recorded(record) => Some(record),
            _ => None,
        }
    }
}

impl Held {
    fn read(path: PathBuf, server: &str) -> Result<Self, String> {
        let text = LockFile::text(&path)?;
        let file = parse(&path, &text, server)?;
        Ok(Self {
            path,
            server: server.to_owned(),
            state: Mutex::new(State {
                file: Arc::new(file),
                sha256: Sha256::digest(&text).into(),
                generation: 0,
                checked: Instant::now(),
                problem: String::new(),
            }),
            reading: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of the lock file that applies. It changes with the file.
    pub(super) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// Returns the time of the next check.
    pub(super) fn due(&self) -> Instant {
        self.state.lock().checked + INTERVAL
    }

    /// Reads the lock file again, if the last check was long enough ago. A file that cannot be used changes nothing.
    pub(super) async fn refresh(self: &Arc<Self>) {
        // The tasks of all upstream servers wait for the one that reads, so that each learns of the change now.
        let _reading = self.reading.lock().await;
        {
            let mut state = self.state.lock();
            if state.checked.elapsed() < INTERVAL {
                return;
            }
            state.checked = Instant::now();
        }
        let this = Arc::clone(self);
        // A large file takes a while.
        let _ = tokio::task::spawn_blocking(move || this.read_again()).await;
    }

    /// The contents are compared, and not time stamps, which do not show all changes.
    fn read_again(&self) {
        let text = LockFile::text(&self.path);
        let sha256 = text.as_ref().map(Sha256::digest).unwrap_or_default();
        let read = {
            let state = self.state.lock();
            if text.is_ok() && sha256[..] == state.sha256 && state.problem.is_empty() {
                return;
            }
            drop(state);
            text.and_then(|text| parse(&self.path, &text, &self.server))
        };
        let mut state = self.state.lock();
        match read {
            Ok(file) => {
                state.file = Arc::new(file);
                state.sha256 = sha256.into();
                state.generation += 1;
                state.problem.clear();
            }
            Err(problem) if problem != state.problem => {
                tracing::warn!(
                    "{problem}: until then, the definitions that it accepted before are offered"
                );
                state.problem = problem;
            }
            Err(_) => {}
        }
    }

    /// Checks the definition of a component.
    ///
    /// # Errors
    /// Returns the reason if it is not accepted.
    pub(super) fn check(&self, upstream: &str, entry: &Entry) -> Result<(), Refused> {
        let file = Arc::clone(&self.state.lock().file);
        let entries = file.upstreams.get(upstream).ok_or(Refused::Server)?;
        let accepted = entries.get(&(entry.kind.clone(), entry.name.clone()));
        match accepted {
            None => Err(Refused::New),
            Some(accepted) if accepted.sha256 == entry.sha256 => Ok(()),
            Some(_) => Err(Refused::Changed),
        }
    }
}

fn parse(path: &Path, text: &[u8], server: &str) -> Result<LockFile, String> {
    let file = LockFile::parse(path, text)?;
    let locked = server_of(&file.entries);
    if locked == server {
        return Ok(file);
    }
    Err(format!(
        "the lock file `{}` is that of the server `{locked}`, and this is `{server}`: use its own file",
        path.display()
    ))
}

impl List {
    /// The kind of its entries.
    pub(super) fn entry_kind(self) -> &'static str {
        match self {
            Self::Resources => "resource",
            // A template may have the text of a URI.
            Self::Templates => "template",
            Self::Tools => "tool",
            Self::Prompts => "prompt",
        }
    }

    /// Returns the entry of a definition as the server sent it.
    pub(super) fn entry(self, key: &str, definition: &Value) -> Entry {
        let is_resource = matches!(self, Self::Resources | Self::Templates);
        let changes = &definition["annotations"]["lastModified"];
        if is_resource && changes.is_string() {
            let mut definition = definition.clone();
            // It changes with the content; only a date is offered.
            if let Some(annotations) = definition["annotations"].as_object_mut() {
                annotations.shift_remove("lastModified");
            }
            return Entry::new(self.entry_kind(), key, &definition);
        }
        Entry::new(self.entry_kind(), key, definition)
    }
}

/// Returns the entry of the instructions of a server, which it may not have.
pub(super) fn instructions(upstream: &str, instructions: Option<&str>) -> Entry {
    let mut definition = Map::new();
    if let Some(instructions) = instructions {
        definition.insert("instructions".to_owned(), instructions.into());
    }
    Entry::new(SERVER, upstream, &definition.into())
}
