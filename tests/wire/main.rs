//! Messages on the wire, in every revision and over every transport.
//!
//! `cases/*.json` is a table of requests and replies; `behaviour` has the tests that need code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod behaviour;
mod cases;
mod connection;
mod http;
