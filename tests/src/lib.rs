//! Code that the tests of this package share: a server with components for every kind of message, the validation of all
//! messages of servers, what the APIs of models take, processes of servers with their memory, faulty stores, a client of raw HTTP, and a helper for
//! tests that rewrite files.

pub mod bless;
#[cfg(not(trybuild))]
pub mod client;
#[cfg(not(trybuild))]
pub mod conversation;
pub mod dialects;
pub mod fixture;
pub mod raw_http;
#[cfg(not(trybuild))]
pub mod schemas;
pub mod server_process;
pub mod stores;

/// The result of a function that can fail in many ways.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The time that a client waits for a server.
pub const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);
