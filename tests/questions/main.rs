//! Questions of handlers to clients, including clients that violate the protocol.
//!
//! The stateless era is tested over memory; features of sessions are tested over streams and HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

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
