//! The client side of other MCP servers, whose components a server passes on.

#![allow(dead_code)] // the connection that uses the transports follows

mod http;
mod transport;
