//! The requests that wait for the results of tasks.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::id::TaskId;
use crate::sync::Mutex;

/// The maximum number of requests that wait for one task. A client that has lost the stream of such a request sends another.
const MAX_WAITING: usize = 4;

/// The requests that wait for the results of tasks, for each task the oldest first.
#[derive(Default)]
pub(super) struct WaitingRequests(Mutex<HashMap<TaskId, Vec<Arc<Notify>>>>);

impl WaitingRequests {
    /// Adds a request until the returned value is dropped. If too many wait for the task, the oldest one is removed.
    pub(super) fn enter(self: &Arc<Self>, id: &TaskId) -> Waiting {
        let news = Arc::new(Notify::new());
        let mut all = self.0.lock();
        let waiting = all.entry(id.clone()).or_default();
        if waiting.len() >= MAX_WAITING {
            waiting.remove(0);
        }
        waiting.push(Arc::clone(&news));
        // The others must know that they are not the newest any more.
        for other in waiting.iter() {
            other.notify_one();
        }
        Waiting {
            all: Arc::clone(self),
            id: id.clone(),
            news,
        }
    }

    /// Wakes the requests that wait for a task.
    pub(super) fn wake(&self, id: &TaskId) {
        let all = self.0.lock();
        let waiting = all.get(id).into_iter().flatten();
        waiting.for_each(|news| news.notify_one());
    }

    /// Wakes all requests.
    pub(super) fn wake_all(&self) {
        let all = self.0.lock();
        all.values().flatten().for_each(|news| news.notify_one());
    }
}

/// A request that waits for the result of a task.
pub(crate) struct Waiting {
    all: Arc<WaitingRequests>,
    id: TaskId,
    news: Arc<Notify>,
}

impl Waiting {
    /// Waits until the state of the task may have changed, in this process.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }

    /// Returns the number of newer requests for the task, or `None` if there are too many of them.
    pub(crate) fn newer(&self) -> Option<usize> {
        let all = self.all.0.lock();
        let mut newest_first = all.get(&self.id)?.iter().rev();
        newest_first.position(|news| Arc::ptr_eq(news, &self.news))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        if let Some(waiting) = all.get_mut(&self.id) {
            waiting.retain(|news| !Arc::ptr_eq(news, &self.news));
            // The newest of the others asks from now on.
            for other in waiting.iter() {
                other.notify_one();
            }
            if waiting.is_empty() {
                all.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_requests_for_a_task_wait() {
        let all = Arc::<WaitingRequests>::default();
        let ids = ["a", "b"].map(|digit| TaskId::parse(&digit.repeat(32)).expect("an id"));
        let other = all.enter(&ids[1]);
        let mut waiting: Vec<_> = (0..5).map(|_| all.enter(&ids[0])).collect();
        let newer = |waiting: &[Waiting]| waiting.iter().map(Waiting::newer).collect::<Vec<_>>();
        assert_eq!(newer(&waiting), [None, Some(3), Some(2), Some(1), Some(0)]);
        assert_eq!(other.newer(), Some(0));
        waiting.pop();
        assert_eq!(newer(&waiting), [None, Some(2), Some(1), Some(0)]);
        drop((waiting, other));
        assert!(all.0.lock().is_empty());
    }
}
