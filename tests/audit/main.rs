//! The audit: one record of each decision and of each call, in every consumer, and none with a secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod hidden;
mod records;
mod server;
mod sinks;
