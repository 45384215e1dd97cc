//! TLS of the built-in listener, and the authentication of callers by client certificates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod authority;
mod bound_tokens;
mod combined;
mod command_line;
mod files;
#[path = "../auth/fixture.rs"]
#[allow(dead_code)] // tests of `auth` use the rest
mod fixture;
mod handshake;
#[path = "../auth/http.rs"]
#[allow(dead_code)] // tests of `auth` use the rest
mod http;
mod identities;
mod mounted;
mod secure;
