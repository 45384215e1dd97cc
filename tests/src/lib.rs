//! The server that the tests of this package call, with one component for each thing that can go over the wire, and a
//! helper for tests that rewrite files.

pub mod bless;
pub mod fixture;
