//! Bytes in, bytes out: how messages come to the service and replies get back.
//!
//! A transport knows the service trait and the envelope of messages, and nothing of tools.

#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod incoming;
pub(crate) mod lines;
pub(crate) mod memory;
pub(crate) mod stdio;
