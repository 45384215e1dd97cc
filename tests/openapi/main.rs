//! Servers from OpenAPI specifications: `Server::openapi`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod api;
mod components;
mod http_client;
mod next;
mod refused;
mod requests;
mod responses;
mod schemas;
mod secrets;
