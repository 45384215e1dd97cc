//! Traces and metrics, as a collector and Prometheus receive them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[path = "../src/bin/observed-server/server.rs"]
mod observed;

mod collector;
mod endpoints;
mod traces;
