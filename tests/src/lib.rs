//! Code that the tests of this package share: a server with components for every kind of message, the validation of all
//! messages of servers, and a helper for tests that rewrite files.

pub mod bless;
#[cfg(not(trybuild))]
pub mod client;
#[cfg(not(trybuild))]
pub mod conversation;
pub mod fixture;
#[cfg(not(trybuild))]
pub mod schemas;
