//! Schemas that clients can use, and arguments of models. A tool accepts what its schema accepts, and its errors say how to
//! correct an argument.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod beyond;
mod cost;
mod dialects;
mod errors;
mod flat_arguments;
mod flattened;
mod fuzz;
mod goldens;
mod nullable;
mod prompt_texts;
mod published;
mod raw;
mod results;
mod round_trips;
mod types;
mod values;
