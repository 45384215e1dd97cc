//! Tasks: calls whose results clients read later. The record of a task is an entry of a [`Store`].
//!
//! See <https://github.com/modelcontextprotocol/ext-tasks>.

mod creation;
mod engine;
mod entries;
mod id;
mod options;
mod owners;
mod problem;
mod record;
mod time;
mod waiting;

pub(crate) use creation::NewTask;
pub(crate) use engine::{Changed, Engine, Running};
pub(crate) use id::TaskId;
pub use options::Tasks;
pub(crate) use problem::TaskProblem;
pub(crate) use record::{Ending, Record};
pub(crate) use waiting::Waiting;
