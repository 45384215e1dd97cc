//! What the tests of this package share: a server with one component for each thing that can go over the wire, and the
//! validation of all that servers send.

pub mod client;
pub mod conversation;
pub mod fixture;
pub mod schemas;
