//! Replicas that share a store, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod streams;
