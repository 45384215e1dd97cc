//! The server that the tests of this package call: one component for each thing that can go over the wire.

pub mod fixture;
