//! Layers around calls: those of users, and those that the crate provides.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod access;
mod cache;
mod combined;
mod concurrency;
mod extensions;
mod functions;
mod logs;
mod order;
mod peer;
mod retries;
mod size;
mod table;
mod timeouts;
