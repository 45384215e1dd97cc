//! Answers that concurrent requests share.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use tokio::sync::OnceCell;

use crate::sync::Mutex;

/// The questions that are being asked, by their keys. Requests with one key wait for one answer.
pub(super) struct Shared<K, T>(Mutex<HashMap<K, Weak<OnceCell<T>>>>)
where
    K: Copy + Eq + Hash;

impl<K: Copy + Eq + Hash, T: Clone> Shared<K, T> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Returns the answer to the question with this key, which is asked unless another request is asking. If that request is
    /// dropped, one of those that wait asks again.
    pub(super) async fn ask(&self, key: K, question: impl Future<Output = T>) -> T {
        let asking = self.join(key);
        let ask = async {
            let answer = question.await;
            // A later request must not get this answer.
            self.0.lock().remove(&key);
            answer
        };
        asking.answer.get_or_init(|| ask).await.clone()
    }

    fn join(&self, key: K) -> Asking<'_, K, T> {
        let mut questions = self.0.lock();
        let question = questions.entry(key).or_default();
        let answer = question.upgrade().unwrap_or_default();
        *question = Arc::downgrade(&answer);
        Asking {
            shared: self,
            key,
            answer,
        }
    }
}

/// A request that waits for an answer.
struct Asking<'a, K: Copy + Eq + Hash, T> {
    shared: &'a Shared<K, T>,
    key: K,
    answer: Arc<OnceCell<T>>,
}

impl<K: Copy + Eq + Hash, T> Drop for Asking<'_, K, T> {
    fn drop(&mut self) {
        let mut questions = self.shared.0.lock();
        let is_this =
            |question: &Weak<_>| std::ptr::eq(question.as_ptr(), Arc::as_ptr(&self.answer));
        // The last request that waits.
        if Arc::strong_count(&self.answer) == 1 && questions.get(&self.key).is_some_and(is_this) {
            questions.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn all(
        shared: &Arc<Shared<u128, usize>>,
        asked: &Arc<AtomicUsize>,
        keys: &[u128],
    ) -> Vec<usize> {
        let requests = keys.iter().map(|key| {
            let (shared, asked, key) = (Arc::clone(shared), Arc::clone(asked), *key);
            tokio::spawn(async move {
                let question = async {
                    tokio::task::yield_now().await;
                    asked.fetch_add(1, Ordering::Relaxed)
                };
                shared.ask(key, question).await
            })
        });
        let requests: Vec<_> = requests.collect();
        let mut answers = Vec::new();
        for request in requests {
            answers.push(request.await.expect("an answer"));
        }
        answers
    }

    #[tokio::test]
    async fn concurrent_requests_with_one_key_share_an_answer_and_later_ones_do_not() {
        let (shared, asked) = (Arc::new(Shared::new()), Arc::default());
        assert_eq!(all(&shared, &asked, &[1; 1000]).await, [0; 1000]);
        assert_eq!(all(&shared, &asked, &[1; 3]).await, [1; 3]);
        let mut answers = all(&shared, &asked, &[1, 2, 3]).await;
        answers.sort_unstable();
        assert_eq!(answers, [2, 3, 4]);
        assert!(shared.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_question_whose_request_is_dropped_is_asked_again() {
        let shared = Arc::new(Shared::new());
        let first = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.ask(1, pending()).await }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.ask(1, async { 2 }).await }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        first.abort();
        assert_eq!(second.await.expect("an answer"), 2);
        let third = shared.ask(1, pending());
        let waited = tokio::time::timeout(std::time::Duration::ZERO, third).await;
        assert!(waited.is_err() && shared.0.lock().is_empty());
    }
}
