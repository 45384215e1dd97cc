//! Upstream servers behind a gateway: what is forwarded, questions between the eras, and upstream servers that fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod construction;
mod extras;
mod failing;
mod forwarding;
mod handlers;
mod isolation;
mod lists;
mod locked;
mod malformed;
mod pages;
mod peer;
mod places;
mod questions;
mod transforms;
#[allow(dead_code)] // `callers` uses more of it
#[path = "../callers/wires.rs"]
mod wires;
