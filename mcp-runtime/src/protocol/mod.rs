//! The wire format as data: the content and the encoding of messages in each revision.
//!
//! Nothing here does I/O, depends on handlers, or keeps state between messages.

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
pub(crate) mod reader;
pub(crate) mod revision;
pub(crate) mod text;
mod trace_context;

pub use id::Id;
pub use log_level::LogLevel;
pub use revision::Revision;
pub use trace_context::TraceContext;

/// A source of HTTP headers. Names are case-insensitive.
pub(crate) trait HeaderSource: Send + Sync {
    /// Returns `true` if the header is present, readable or not.
    fn contains(&self, name: &str) -> bool;

    /// Returns the value of a header, if it is present and visible ASCII.
    fn get(&self, name: &str) -> Option<&str>;

    /// Returns the value of a header that may occur at most once, without surrounding white space.
    ///
    /// # Errors
    /// Returns an error if the header occurs more than once, since a proxy and the server might use different
    /// values, or if it is not visible ASCII.
    fn single(&self, name: &str) -> Result<Option<&str>, String>;
}
