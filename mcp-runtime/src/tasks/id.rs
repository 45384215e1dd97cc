//! The ids of tasks.

use std::sync::Arc;

use super::problem::TaskProblem;
use crate::seal::random_bytes;

/// The id of a task: 32 hexadecimal digits, which cannot be guessed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TaskId(Arc<str>);

impl TaskId {
    pub(super) fn random() -> Result<Self, TaskProblem> {
        let bytes: [u8; 16] = random_bytes().map_err(|error| TaskProblem::Store(error.into()))?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes)).into()))
    }

    /// Returns the id of a request, or `None` if no task can have it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> String {
        format!("task-{}", self.0)
    }
}
