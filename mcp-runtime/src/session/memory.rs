//! What sessions ask for after their handshake, kept in memory.

use std::collections::{HashMap, VecDeque};

use super::Negotiated;
use crate::sync::{Mutex, MutexGuard};

/// How many sessions are remembered; with more, the one that was noted first is forgotten.
const MOST: usize = 10_000;

/// One value for each session that asked for something.
pub(crate) struct Memory<T>(Mutex<Notes<T>>);

struct Notes<T> {
    values: HashMap<[u8; 16], T>,
    order: VecDeque<[u8; 16]>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::new(Notes {
            values: HashMap::new(),
            order: VecDeque::new(),
        }))
    }
}

impl<T> Memory<T> {
    /// What is kept of a session, if anything is.
    pub(crate) fn read<R>(&self, session: &Negotiated, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.notes().values.get(&session.nonce).map(read)
    }

    /// Forgets a session.
    pub(crate) fn forget(&self, session: &Negotiated) {
        let mut notes = self.notes();
        if notes.values.remove(&session.nonce).is_some() {
            notes.order.retain(|nonce| *nonce != session.nonce);
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes<T>> {
        self.0.lock()
    }
}

impl<T: Default> Memory<T> {
    /// Changes what is kept of a session.
    pub(crate) fn change<R>(&self, session: &Negotiated, change: impl FnOnce(&mut T) -> R) -> R {
        let mut notes = self.notes();
        if !notes.values.contains_key(&session.nonce) {
            if notes.order.len() >= MOST
                && let Some(first) = notes.order.pop_front()
            {
                notes.values.remove(&first);
            }
            notes.order.push_back(session.nonce);
        }
        change(notes.values.entry(session.nonce).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Revision;
    use crate::protocol::capability::{ClientCapabilities, ClientInfo};

    fn session(number: usize) -> Negotiated {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        Negotiated {
            nonce,
            revision: Revision::LATEST_LEGACY,
            capabilities: ClientCapabilities::default(),
            client: ClientInfo::default(),
            expires: 0,
        }
    }

    #[test]
    fn each_session_has_a_value_of_its_own() {
        let memory = Memory::<u8>::default();
        memory.change(&session(1), |value| *value = 7);
        memory.change(&session(1), |value| *value += 1);
        assert_eq!(memory.read(&session(1), |value| *value), Some(8));
        assert_eq!(memory.read(&session(2), |value| *value), None);
        memory.forget(&session(1));
        assert_eq!(memory.read(&session(1), |value| *value), None);
    }

    #[test]
    fn the_oldest_makes_room() {
        let memory = Memory::<u8>::default();
        for number in 0..=MOST {
            memory.change(&session(number), |value| *value = 1);
        }
        assert_eq!(memory.read(&session(0), |value| *value), None);
        assert_eq!(memory.read(&session(1), |value| *value), Some(1));
        assert_eq!(memory.read(&session(MOST), |value| *value), Some(1));
        let notes = memory.notes();
        assert_eq!((notes.values.len(), notes.order.len()), (MOST, MOST));
    }
}
