//! The audit: one record of each decision about a request, and of how the request ended.
//!
//! A record never contains arguments, results or credentials.

mod digest;
mod file;
mod record;

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use digest::DigestKey;
pub use file::AuditFile;
pub(crate) use record::AuditFn;
pub use record::{AuditDecision, AuditRecord};

use crate::opaque::opaque_debug;

/// A consumer of audit records, for [`Server::audit`](crate::Server::audit).
///
/// ```
/// use mcp_runtime::{Audit, Server};
///
/// let server = Server::new("app", "1.0.0")
///     .audit(Audit::log())
///     .audit(Audit::function(|record| eprintln!("{} {}", record.decision, record.method.as_deref().unwrap_or("?"))));
/// ```
#[derive(Clone)]
pub struct Audit(Consumer);

#[derive(Clone)]
enum Consumer {
    Function(AuditFn),
    File(AuditFile),
}

opaque_debug!(Audit);

impl Audit {
    /// Returns a consumer that emits a `tracing` event with the target `mcp_runtime::audit` and the level `INFO` for each
    /// record. Each field of the record is a field of the event.
    pub fn log() -> Self {
        Self::function(AuditRecord::emit)
    }

    /// Returns a consumer that calls a function for each record.
    ///
    /// The function runs on the thread of the request, before its reply is sent, so it must not block.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use mcp_runtime::{Audit, prelude::*};
    /// use serde_json::json;
    ///
    /// /// Add two numbers.
    /// #[tool]
    /// async fn add(a: f64, b: f64) -> f64 {
    ///     a + b
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, records) = mpsc::channel();
    /// let audit = Audit::function(move |record| {
    ///     let _ = sender.send(format!("{:?} {:?}", record.component, record.decision));
    /// });
    /// let client = Server::new("app", "1.0.0").with(components![add]).audit(audit).client().await;
    /// client.call("add", json!({ "a": 1, "b": 2 })).await?;
    /// assert_eq!(records.try_iter().last().as_deref(), Some("Some(\"add\") Allowed"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn function(function: impl Fn(&AuditRecord) + Send + Sync + 'static) -> Self {
        Self(Consumer::Function(Arc::new(function)))
    }

    /// Returns a consumer that appends each record to a file, as a line of JSON.
    ///
    /// A record is written before the reply to its request is sent. When the file has 64 MiB, it is renamed to `PATH.1`, an
    /// older one to `PATH.2`, and so on; the ten newest are kept. On Unix only the owner of a new file can read it.
    /// The path belongs to one process. If the file cannot be opened, the server does not start; if it cannot be written later,
    /// the record is in the log as an error.
    ///
    /// ```no_run
    /// use mcp_runtime::{Audit, Server};
    ///
    /// let server = Server::new("app", "1.0.0").audit(Audit::file("audit.jsonl").max_bytes(1 << 20).keep(3));
    /// ```
    pub fn file(path: impl Into<PathBuf>) -> AuditFile {
        AuditFile::new(path.into())
    }

    /// Returns the function that receives each record, and opens the file if there is one.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened.
    pub(crate) fn start(self) -> Result<AuditFn, String> {
        match self.0 {
            Consumer::Function(function) => Ok(function),
            Consumer::File(settings) => file::start(settings),
        }
    }
}

impl From<AuditFile> for Audit {
    fn from(settings: AuditFile) -> Self {
        Self(Consumer::File(settings))
    }
}
