//! Search over the names, descriptions and arguments of tools.
//!
//! It knows texts only: neither tools nor their callers.

mod index;
mod options;
mod stem;
mod words;

pub(crate) use index::{Document, Index};
pub use options::ToolSearch;
