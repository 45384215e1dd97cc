//! Servers that are replicas of each other, in one process with one store, over HTTP.

mod absent;
mod changes;
mod replicas;
#[cfg(feature = "auth")]
mod revocation;
mod sessions;
