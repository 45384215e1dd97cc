//! Rules that `mcp-macros` checks at compile time and `mcp-runtime` at run time.
//!
//! This crate is an implementation detail of these two crates, which pin its exact version. Its items are hidden from the
//! documentation and change without notice: depend on `mcp-runtime`.
//!
//! It handles neither syntax trees nor protocol messages, and has no dependencies.

#[doc(hidden)]
pub mod app;
#[doc(hidden)]
pub mod duration;
#[doc(hidden)]
pub mod name;
#[doc(hidden)]
pub mod near;
#[doc(hidden)]
pub mod number;
#[doc(hidden)]
pub mod percent;
#[doc(hidden)]
pub mod uri_template;
