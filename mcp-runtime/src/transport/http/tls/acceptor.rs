//! The configuration of new connections, which follows changes of the files.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;

use super::files::{Contents, Files};
use crate::sync::{Mutex, RwLock};

/// The TLS configuration of a listener.
pub(crate) struct Acceptor {
    files: Files,
    check_every: Duration,
    config: RwLock<Arc<ServerConfig>>,
    /// The time of the last check.
    checked: Mutex<Instant>,
    /// The contents at the last check, or the reason why they could not be read.
    seen: Mutex<Result<Contents, String>>,
}

impl Acceptor {
    pub(super) fn load(files: Files, check_every: Duration) -> Result<Self, String> {
        let contents = files.read()?;
        let config = files.config(&contents)?;
        Ok(Self {
            files,
            check_every,
            config: RwLock::new(Arc::new(config)),
            checked: Mutex::new(Instant::now()),
            seen: Mutex::new(Ok(contents)),
        })
    }

    /// Returns the configuration for a new connection. If a check is due, the files are read before.
    pub(super) async fn config(self: &Arc<Self>) -> Arc<ServerConfig> {
        if self.begins_check() {
            let checked = Arc::clone(self);
            // An error is a panic, after which the previous configuration is as good as before.
            let _ = spawn_blocking(move || checked.check()).await;
        }
        Arc::clone(&self.config.read())
    }

    /// Returns `true` for the one connection that checks the files.
    fn begins_check(&self) -> bool {
        let mut checked = self.checked.lock();
        let is_due = checked.elapsed() >= self.check_every;
        if is_due {
            *checked = Instant::now();
        }
        is_due
    }

    /// Reads the files, and uses them if they have changed and are valid.
    fn check(&self) {
        let mut seen = self.seen.lock();
        let found = self.files.read();
        if *seen == found {
            return;
        }
        let contents = found.as_ref().map_err(Clone::clone);
        match contents.and_then(|contents| self.files.config(contents)) {
            Ok(config) => {
                *self.config.write() = Arc::new(config);
                tracing::info!("the certificate files have changed: new connections use them");
            }
            Err(problem) => {
                tracing::warn!(
                    problem,
                    "the changed certificate files cannot be used: new connections use the previous ones"
                );
            }
        }
        *seen = found;
    }
}
