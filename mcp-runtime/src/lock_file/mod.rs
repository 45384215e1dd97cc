//! The lock file of definitions: its form, its entries with their digests, and what is read from it.
//!
//! It neither compares definitions nor writes a file: the commands `check` and `manifest` do (`cli::manifest`), and upstream servers are
//! held to it (`upstream::review`).

mod canonical;
mod entry;
mod file;
#[cfg(feature = "cli")]
mod record;

#[cfg(feature = "cli")]
pub(crate) use entry::Entries;
pub(crate) use entry::{Entry, server_of};
#[cfg(feature = "cli")]
pub(crate) use file::{FORMAT, parse};
pub(crate) use file::{LockFile, accept_command};
#[cfg(feature = "cli")]
pub(crate) use record::{Record, Recorded};
