//! Functions that take arbitrary bytes and fail if a rule is broken: one for each place where outside data is read.
//!
//! They exist only in builds for fuzzing (`fuzz/`) and in the tests of this crate, which call them with the seeds of `fuzz/seeds`
//! and with mutations of them.

#![allow(missing_docs)] // not a part of the public API
#![allow(clippy::missing_panics_doc, clippy::expect_used)] // a panic reports a broken rule

#[cfg(feature = "auth")]
mod jwt;
mod messages;
mod schemas;
mod tokens;
#[cfg(feature = "auth")]
mod well_known;
mod whole;

#[cfg(test)]
mod tests;

#[cfg(feature = "auth")]
pub use jwt::jwt;
pub use messages::{envelope, framing, header_sentinel};
pub use schemas::{argument_repair, uri_template};
pub use tokens::{sealed_state, session_token};
#[cfg(feature = "auth")]
pub use well_known::well_known;
pub use whole::{cursor, http_request};
