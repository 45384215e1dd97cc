//! Replicas: several servers that share a store, in one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod absent;
mod changes;
mod keys;
mod once;
mod rates;
mod replicas;
#[cfg(feature = "auth")]
mod revocation;
mod sessions;
mod streams;
mod tasks;
