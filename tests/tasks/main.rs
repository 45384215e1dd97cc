//! Tasks: calls whose results clients read later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod caller;
mod creation;
mod ends;
#[cfg(feature = "stores")]
mod kills;
mod listen;
mod owners;
mod peer;
mod questions;
mod restarts;
#[cfg(feature = "auth")]
mod scopes;
mod sessions;
mod tools;
mod transports;
