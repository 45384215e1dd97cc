//! Tasks: calls whose results clients read later. The record of a task is an entry of a [`Store`].
//!
//! See <https://github.com/modelcontextprotocol/ext-tasks>.

mod engine;
mod options;
mod owners;
mod problem;
mod record;
mod time;

pub(crate) use engine::{Changed, Engine, NewTask, Running, TaskId};
pub use options::Tasks;
pub(crate) use problem::TaskProblem;
pub(crate) use record::Record;
