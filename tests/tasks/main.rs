//! Tasks: calls whose results clients read later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod caller;
mod creation;
mod ends;
mod listen;
mod owners;
mod peer;
mod questions;
mod restarts;
mod sessions;
mod stores;
mod transports;
