//! The requests of a connection that have no reply yet, and the questions of the server to their callers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use serde_json::Value;
use serde_json::value::RawValue;

use super::message::Reply;
use super::notices::Notices;
use super::transport::SendError;
use crate::sync::Mutex;

/// A question of an upstream server to its client: a request.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The id, as JSON.
    pub(super) id: Box<RawValue>,
    /// `true` after it was answered. Clones share it.
    pub(super) answered: Arc<AtomicBool>,
    pub(super) method: String,
    pub(super) params: Value,
}

impl Question {
    /// Returns the id, which no other question of the server has.
    pub(super) fn number(&self) -> String {
        self.id.get().to_owned()
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }
}

/// What happens to a request.
pub(super) enum Event {
    Reply(Reply),
    Question(Question),
    /// No reply will come.
    Lost(SendError),
}

/// The state of a request that has no reply yet.
pub(super) struct Open {
    pub(super) state: Mutex<OpenState>,
    /// Receives the progress and the log messages of the request.
    pub(super) notices: Option<Arc<Notices>>,
    pub(super) may_ask: bool,
}

#[derive(Default)]
pub(super) struct OpenState {
    pub(super) end: Option<Result<Reply, SendError>>,
    pub(super) questions: VecDeque<Question>,
    /// All questions of the request that may be without an answer.
    pub(super) asked: Vec<Question>,
    pub(super) waker: Option<Waker>,
}

impl OpenState {
    /// Returns `true` if a question has no answer yet.
    pub(super) fn waits(&self) -> bool {
        self.asked.iter().any(|question| !question.is_answered())
    }
}

impl Open {
    pub(super) fn update(&self, change: impl FnOnce(&mut OpenState)) {
        let waker = {
            let mut state = self.state.lock();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn end(&self, end: Result<Reply, SendError>) {
        self.update(|state| {
            state.end.get_or_insert(end);
        });
    }
}

/// The requests without a reply, by id.
#[derive(Default)]
pub(super) struct Table {
    /// By id, from the oldest to the newest.
    pub(super) open: VecDeque<(u64, Arc<Open>)>,
    pub(super) next: u64,
    /// The reason why no further request is possible.
    pub(super) lost: Option<String>,
}

impl Table {
    fn position(&self, id: u64) -> Option<usize> {
        self.open.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<Open>> {
        let (_, open) = self.open.get(self.position(id)?)?;
        Some(Arc::clone(open))
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Arc<Open>> {
        let (_, open) = self.open.remove(self.position(id)?)?;
        Some(open)
    }
}
