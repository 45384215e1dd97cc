//! The error of stores outside of the process.

use std::error::Error;
use std::fmt;

/// The error of a store outside of this process: what failed, where, and what to do about it. It contains no passwords.
#[derive(Debug)]
pub struct StoreError(String);

impl StoreError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for StoreError {}
