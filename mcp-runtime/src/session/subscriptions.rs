//! Which resources sessions subscribed to.

use std::collections::BTreeSet;

use super::{Negotiated, OVERHEAD, REMEMBERED};
use crate::store::{Bounded, Full};
use crate::sync::Mutex;

/// How many bytes the URIs of all subscriptions may have.
const BYTES: usize = 64 << 20;

/// The URIs of the resources that sessions subscribed to.
pub(crate) struct Subscriptions(Mutex<Bounded<[u8; 16], BTreeSet<String>>>);

impl Default for Subscriptions {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(REMEMBERED, BYTES)))
    }
}

impl Subscriptions {
    /// Adds a subscription, and tells whether the session now has it: it may have so many.
    ///
    /// # Errors
    /// No more can be remembered of any session.
    pub(crate) fn add(&self, session: &Negotiated, uri: &str, most: usize) -> Result<bool, Full> {
        let mut kept = self.0.lock();
        let (known, room) = kept.get(&session.nonce).map_or((false, true), |uris| {
            (uris.contains(uri), uris.len() < most)
        });
        if !known && room {
            let lease = session.lease(OVERHEAD + uri.len());
            let uris = kept.hold(session.nonce, lease, BTreeSet::new)?;
            uris.insert(uri.to_owned());
        }
        Ok(known || room)
    }

    /// Removes a subscription, if there is one.
    pub(crate) fn remove(&self, session: &Negotiated, uri: &str) {
        let mut kept = self.0.lock();
        let Some(uris) = kept.get_mut(&session.nonce) else {
            return;
        };
        let removed = uris.remove(uri);
        if uris.is_empty() {
            kept.remove(&session.nonce);
        } else if removed {
            kept.resize(&session.nonce, 0, OVERHEAD + uri.len());
        }
    }

    /// Whether a session is subscribed to a resource.
    pub(crate) fn include(&self, session: &Negotiated, uri: &str) -> bool {
        let kept = self.0.lock();
        kept.get(&session.nonce)
            .is_some_and(|uris| uris.contains(uri))
    }

    /// Removes all subscriptions of a session.
    pub(super) fn forget(&self, session: &Negotiated) {
        self.0.lock().remove(&session.nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::numbered;
    use super::*;
    use crate::store::Room;

    fn used(subscriptions: &Subscriptions, session: &Negotiated) -> Room {
        subscriptions.0.lock().owned_by(&session.owner())
    }

    #[test]
    fn each_session_has_subscriptions_of_its_own() {
        let subscriptions = Subscriptions::default();
        let (one, other) = (numbered(1), numbered(2));
        for _ in 0..2 {
            assert!(subscriptions.add(&one, "a", 2).unwrap());
        }
        assert!(subscriptions.add(&one, "b", 2).unwrap());
        assert!(!subscriptions.add(&one, "c", 2).unwrap());
        assert!(subscriptions.include(&one, "a") && !subscriptions.include(&other, "a"));
        let (entries, bytes) = (1, 2 * OVERHEAD + 2);
        assert_eq!(used(&subscriptions, &one), Room { entries, bytes });
        subscriptions.remove(&one, "a");
        subscriptions.remove(&one, "none");
        let bytes = OVERHEAD + 1;
        assert_eq!(used(&subscriptions, &one), Room { entries, bytes });
        assert!(!subscriptions.include(&one, "a") && subscriptions.include(&one, "b"));
        subscriptions.remove(&one, "b");
        assert_eq!(used(&subscriptions, &one), Room::default());
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_none() {
        let subscriptions = Subscriptions::default();
        for number in 0..REMEMBERED {
            subscriptions.remove(&numbered(REMEMBERED + number), "a");
            assert!(subscriptions.add(&numbered(number), "a", 1).unwrap());
        }
        assert!(subscriptions.add(&numbered(REMEMBERED), "a", 1).is_err());
        assert!(subscriptions.include(&numbered(0), "a"));
        subscriptions.forget(&numbered(1));
        assert!(subscriptions.add(&numbered(REMEMBERED), "a", 1).unwrap());
    }
}
