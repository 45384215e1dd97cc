//! The wire as data: what may be said in each revision and how it is spelled.
//!
//! Nothing here does I/O, knows a handler, or keeps state between messages.

pub(crate) mod cache;
pub(crate) mod capability;
pub(crate) mod error;
pub(crate) mod header;
pub(crate) mod jsonrpc;
mod log_level;
pub(crate) mod meta;
pub(crate) mod params;
pub(crate) mod revision;
pub(crate) mod text;
mod trace_context;

pub use jsonrpc::Id;
pub use log_level::LogLevel;
pub use revision::Revision;
pub use trace_context::TraceContext;

/// Where HTTP headers are looked up; names are compared without case.
pub(crate) trait HeaderSource: Send + Sync {
    /// Whether a header is there, readable or not.
    fn contains(&self, name: &str) -> bool;

    /// The value of a header, if it is there and is visible ASCII.
    fn get(&self, name: &str) -> Option<&str>;
}
