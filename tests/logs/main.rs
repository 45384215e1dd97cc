//! The log of a server binary, and the event of each request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[path = "../src/bin/observed-server/server.rs"]
mod observed;

mod capture;
mod library;
mod missing;
mod named;
mod requests;
mod trace;
mod transcripts;
mod wires;
