//! Shared by the tests of this package: a server with one component for each thing that can go over the wire, the validation
//! of all messages of servers, and a helper for tests that rewrite files.

pub mod bless;
#[cfg(not(trybuild))]
pub mod client;
#[cfg(not(trybuild))]
pub mod conversation;
pub mod fixture;
#[cfg(not(trybuild))]
pub mod schemas;
