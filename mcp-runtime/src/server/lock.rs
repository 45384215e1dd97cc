//! The lock file that upstream servers are held to.

#[cfg(feature = "proxy")]
use std::collections::BTreeSet;
#[cfg(feature = "cli")]
use std::path::Path;
#[cfg(feature = "proxy")]
use std::path::PathBuf;
#[cfg(feature = "cli")]
use std::sync::Arc;

use super::Server;
#[cfg(feature = "cli")]
use crate::lock_file::Record;
#[cfg(feature = "proxy")]
use crate::upstream::Review;

#[cfg(feature = "proxy")]
impl Server {
    /// Holds the mounted upstream servers to a lock file: a definition that the file does not accept is not offered to clients.
    ///
    /// Models read definitions, and another server can change its own at any time. A tool, prompt, resource or template whose definition
    /// is new or has changed is not in lists and searches, and a call is answered as that of an unknown name, until the definition is
    /// accepted or as it was. Instructions that have changed are not passed on. The log names what is withheld.
    ///
    /// The commands of the server's binary show and accept what its upstream servers offer now:
    ///
    /// ```text
    /// gateway check --lock            # the differences
    /// gateway manifest --write-lock   # writes all of them to the file
    /// ```
    ///
    /// Review the difference of the file before you deploy it, and not the output of another command: an upstream server can send
    /// another text each time that it is asked.
    ///
    /// The file of at most 64 MiB is read at the start, which fails without it, and again within two seconds after a change: nothing must be restarted.
    /// What a changed file no longer accepts is withheld at once, also if the upstream server does not answer.
    /// While the changed file cannot be used, the last one applies, and the log has a warning.
    ///
    /// # What is compared
    ///
    /// The whole definition as the upstream server sends it, under its own name, without the `size` and `lastModified` of resources,
    /// which change with their content. For the files of skills, that includes their digests: models follow what they say. Prefixes and [transforms](Self::transform) do not matter: they are code of this server, and what
    /// a person must read is the text of the other one, also if a transform replaces it.
    /// An upstream server has its [name](crate::Upstream::name) in the file; two of one name are an error. With
    /// [`per_caller`](crate::Upstream::per_caller), the lists are those of a connection without a caller.
    ///
    /// Not compared are the results of calls, the components of this server, which [`check --lock`](Self::run) compares, and upstream
    /// servers of handlers only ([`Server::upstream`]), whose definitions no model reads. The calls of handlers are not checked.
    ///
    /// One file on the outermost server, and no option of each [`Upstream`](crate::Upstream), so that no server is left out: also those of a file
    /// `mcp.json`, of nested mounts, and those that are added to the program later.
    ///
    /// ```no_run
    /// use mcp_runtime::{Server, Upstream};
    ///
    /// fn main() -> std::process::ExitCode {
    ///     let git = Upstream::command("uvx").args(["mcp-server-git"]).name("git");
    ///     Server::new("gateway", "1.0.0").mount("git", git).lock_upstreams("mcp.lock").run()
    /// }
    /// ```
    pub fn lock_upstreams(mut self, path: impl Into<PathBuf>) -> Self {
        self.review = Review::Path(path.into());
        self
    }

    /// Reads the lock file of upstream servers, and records the problems.
    pub(super) fn read_lock(&mut self) {
        if matches!(self.review, Review::None) {
            return;
        }
        let mut names = BTreeSet::new();
        for name in self.proxied_names() {
            if !names.insert(name.clone()) {
                self.components.problem(format!(
                    "two upstream servers are called `{name}` in the lock file: give one another name with `Upstream::name`"
                ));
            }
        }
        if let Err(problem) = self.review.start(&self.about.name) {
            self.components.problem(problem);
        }
    }

    /// Returns the names of the upstream servers whose components clients see.
    fn proxied_names(&self) -> Vec<String> {
        let own = self.proxied.iter().map(|it| it.about().0.to_owned());
        let mounted = self.mounts.iter();
        let inner = mounted.flat_map(|it| it.server.proxied_names());
        own.chain(inner).collect()
    }

    /// Returns the path of the lock file.
    #[cfg(feature = "cli")]
    pub(crate) fn lock_path(&self) -> Option<&Path> {
        self.review.path()
    }

    /// Offers all definitions of upstream servers, and records them if they are held to a lock file.
    #[cfg(feature = "cli")]
    pub(crate) fn recording_upstreams(mut self) -> (Self, Arc<Record>) {
        let record = Arc::new(Record::default());
        if !matches!(self.review, Review::None) {
            self.review = Review::Recorded(Arc::clone(&record));
        }
        (self, record)
    }
}

#[cfg(all(feature = "cli", not(feature = "proxy")))]
impl Server {
    /// Returns `None`: without upstream servers, nothing is held to a lock file.
    #[allow(clippy::unused_self)] // as with upstream servers
    pub(crate) fn lock_path(&self) -> Option<&Path> {
        None
    }

    /// Returns the server: it has no upstream servers.
    pub(crate) fn recording_upstreams(self) -> (Self, Arc<Record>) {
        (self, Arc::default())
    }
}
