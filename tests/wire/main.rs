//! What goes over the wire, in every revision and over every transport.
//!
//! `cases/*.json` is a table of requests and replies; `behaviour` holds what a table cannot say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

mod behaviour;
mod cases;
mod connection;
mod http;
