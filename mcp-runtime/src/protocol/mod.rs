//! The wire as data: what may be said in each revision and how it is spelled.
//!
//! Nothing here does I/O, knows a handler, or keeps state between messages.

pub(crate) mod cache;
pub(crate) mod capability;
pub(crate) mod error;
pub(crate) mod header;
mod id;
pub(crate) mod json;
pub(crate) mod jsonrpc;
mod log_level;
pub(crate) mod members;
pub(crate) mod meta;
pub(crate) mod outline;
pub(crate) mod params;
mod reader;
pub(crate) mod revision;
pub(crate) mod text;
mod trace_context;

pub use id::Id;
pub use log_level::LogLevel;
pub use revision::Revision;
pub use trace_context::TraceContext;

/// Where HTTP headers are looked up; names are compared without case.
pub(crate) trait HeaderSource: Send + Sync {
    /// Whether a header is there, readable or not.
    fn contains(&self, name: &str) -> bool;

    /// The value of a header, if it is there and is visible ASCII.
    fn get(&self, name: &str) -> Option<&str>;

    /// The value of a header that may be there once, without the white space around it.
    ///
    /// # Errors
    /// It is there more than once, so that two readers may see two values, or is not visible ASCII.
    fn single(&self, name: &str) -> Result<Option<&str>, String>;
}
