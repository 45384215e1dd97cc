//! The reasons why tasks cannot be created, read or changed.

use std::error::Error;
use std::fmt;

use crate::protocol::error::RpcError;

/// How often a change is attempted while others change the same entry.
pub(super) const ATTEMPTS: usize = 100;

/// The reason why a task could not be created, read or changed.
#[derive(Debug)]
pub(crate) enum TaskProblem {
    /// There is no such task, or it has expired.
    Unknown,
    /// The account has this maximum of unfinished tasks.
    TooMany(usize),
    /// The caller has this maximum of tasks, finished or not.
    TooManyKept(usize),
    /// The process has this maximum of unfinished tasks.
    Busy(usize),
    /// A limit of the server does not allow it.
    Refused(RpcError),
    /// Too many others change the same entry.
    Contended,
    /// The store fails or is full.
    Store(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for TaskProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("the task is unknown"),
            Self::TooMany(limit) => write!(formatter, "{limit} tasks are unfinished"),
            Self::TooManyKept(limit) => write!(formatter, "{limit} tasks of the caller exist"),
            Self::Busy(limit) => write!(formatter, "{limit} tasks of all callers are unfinished"),
            Self::Refused(error) => formatter.write_str(&error.message),
            Self::Contended => formatter.write_str("the record is changed by too many at once"),
            Self::Store(error) => write!(formatter, "the store failed: {error}"),
        }
    }
}
