//! Questions of handlers to their clients, by clients that do what they should not.
//!
//! The stateless era is driven over memory; what only sessions have, over streams and HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

mod answers;
mod caller;
mod carried;
mod effects;
mod elsewhere;
mod ends;
mod forms;
mod live;
mod malformed;
mod outside;
mod permits;
mod rounds;
mod session;
mod single_use;
mod state;
