//! Schemas that clients can use, and arguments of models: what the schema says is what is taken, and what is wrong is
//! said so that it can be mended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

mod beyond;
mod errors;
mod flattened;
mod fuzz;
mod goldens;
mod published;
mod raw;
mod results;
mod round_trips;
mod types;
mod values;
