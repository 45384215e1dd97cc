//! What callers reach and see: parameters of completing and listing functions, data of sessions and principals, the
//! components that are visible, and the callers that tests and the command line can be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod functions;
mod in_process;
mod nobody;
mod sessions;
mod shares;
mod tool_search;
mod visible;
mod wires;
