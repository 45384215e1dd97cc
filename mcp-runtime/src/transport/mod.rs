//! Transports: they read messages from bytes, pass them to the service, and write the replies.
//!
//! A transport depends on the service trait and on the envelope of messages, and not on tools.

mod calls;
mod connection;
pub(crate) mod custom;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod incoming;
pub(crate) mod lines;
pub(crate) mod memory;
pub(crate) mod stdio;
