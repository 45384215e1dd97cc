//! The defaults in `docs/defaults.md`, on the server that the README's code gives. A default is checked at its value, which is
//! served, and beyond it. Tests that need a slow handler or a large result add components to that server, and no setting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[cfg(feature = "auth")]
mod authentication;
mod batches;
mod calls;
mod counts;
#[cfg(feature = "tls")]
mod encryption;
mod layers;
mod local;
mod memory;
mod operations;
mod page;
mod process;
mod questions;
#[allow(dead_code)] // its `main`
mod readme;
mod search;
mod security;
mod sizes;
mod stores;
mod streams;
mod table;
mod tasks;
mod times;
