//! Authentication of requests, the scopes of components, and the metadata of the protected resource.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod access;
mod api_keys;
mod before_the_body;
mod credentials;
mod expiry;
mod fixture;
mod http;
mod known;
mod metadata;
mod processes;
mod scenarios;
mod sessions;
