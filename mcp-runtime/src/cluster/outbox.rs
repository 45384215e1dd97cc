//! The events that this replica has not told the others yet.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::error::ClusterError;
use super::event::Event;

/// The maximum number of events that wait. Beyond it, they are replaced by one event that says that anything may have changed.
const MAX_WAITING: usize = 4096;

/// The result of an append, for the one who waits for it.
pub(super) type Done = oneshot::Sender<Result<(), ClusterError>>;

/// An event that waits.
pub(super) struct Waiting {
    /// The number of the event among those of this replica, from 1.
    pub(super) number: u64,
    pub(super) event: Event,
    /// The one who waits for it to be told. Without one, it is told as soon as the store can be reached.
    pub(super) done: Option<Done>,
}

impl Waiting {
    /// Returns `true` for a change that [`Event::Anything`] covers. Tasks are read again at intervals.
    fn is_change(&self) -> bool {
        self.done.is_none() && !matches!(self.event, Event::Session(..))
    }
}

/// The events that wait, in the order in which they are told.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    last: u64,
    pub(super) is_closed: bool,
}

impl Outbox {
    /// Adds an event, and returns its number.
    pub(super) fn push(&mut self, event: Event, done: Option<Done>) -> u64 {
        if done.is_none() && self.waiting.len() >= MAX_WAITING {
            let told = self.waiting.iter().filter(|it| it.is_change());
            if told.count() >= MAX_WAITING {
                self.waiting.retain(|it| !it.is_change());
                return self.add(Event::Anything, None);
            }
        }
        self.add(event, done)
    }

    fn add(&mut self, event: Event, done: Option<Done>) -> u64 {
        let number = self.number();
        self.waiting.push_back(Waiting {
            number,
            event,
            done,
        });
        number
    }

    /// Takes the next event. Those whose callers do not wait any more are dropped.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        let is_given_up = |it: &Waiting| it.done.as_ref().is_some_and(oneshot::Sender::is_closed);
        while let Some(next) = self.waiting.pop_front() {
            if !is_given_up(&next) {
                return Some(next);
            }
        }
        None
    }

    /// Returns `true` if no event of a session may be added that nobody waits for.
    #[cfg(feature = "http")]
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= 2 * MAX_WAITING
    }

    /// Returns a number for an entry that does not wait here.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Gives up the events that somebody waits for.
    pub(super) fn fail(&mut self, error: &ClusterError) {
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting.done {
                None => self.waiting.push_back(waiting),
                // The one who waited for it may be gone.
                Some(done) => drop(done.send(Err(error.clone()))),
            }
        }
    }

    /// Returns `true` if no event waits, and none will.
    pub(super) fn is_done(&self) -> bool {
        self.is_closed && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(number: usize) -> Event {
        Event::Resource(format!("r://{number}"))
    }

    #[test]
    fn too_many_events_become_one_that_covers_all() {
        let mut outbox = Outbox::default();
        let (done, mut wait) = oneshot::channel();
        outbox.push(resource(0), Some(done));
        for number in 0..=MAX_WAITING {
            outbox.push(resource(number), None);
        }
        let events: Vec<_> = std::iter::from_fn(|| outbox.take()).collect();
        let told: Vec<_> = events.iter().map(|it| &it.event).collect();
        assert_eq!(told, [&resource(0), &Event::Anything]);
        assert!(wait.try_recv().is_err(), "the one who waits still does");
    }

    #[test]
    fn an_event_whose_caller_has_given_up_is_not_told() {
        let mut outbox = Outbox::default();
        let (done, wait) = oneshot::channel();
        outbox.push(resource(0), Some(done));
        drop(wait);
        assert!(outbox.take().is_none());
    }
}
