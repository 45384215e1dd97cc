//! The resource subscriptions of sessions.

use super::state::{OVERHEAD, REMEMBERED, SessionState};
use crate::owner::Owner;
use crate::store::{Bounded, Capacity, Full};
use crate::sync::Mutex;
use crate::uri_template::{Uri, Uris};

/// The maximum size of the URIs of all subscriptions, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// The URIs of the resources that sessions subscribed to.
pub(crate) struct Subscriptions(Mutex<Bounded<[u8; 16], Uris>>);

impl Default for Subscriptions {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(REMEMBERED, MAX_BYTES).shared()))
    }
}

impl Subscriptions {
    /// Adds a subscription of an account's session. Returns `false` if the session already has `max` other subscriptions.
    ///
    /// # Errors
    /// Returns an error if the store is full, or the share of the account.
    pub(crate) fn add(
        &self,
        session: &SessionState,
        account: Owner,
        uri: Uri,
        max: usize,
    ) -> Result<bool, Full> {
        let mut kept = self.0.lock();
        let (known, has_capacity) = kept.get(&session.nonce).map_or((false, true), |uris| {
            (uris.contains(&uri), uris.len() < max)
        });
        if !known && has_capacity {
            let lease = session.lease(account, OVERHEAD + uri.bytes());
            let uris = kept.hold(session.nonce, lease, Uris::default)?;
            uris.insert(uri);
        }
        Ok(known || has_capacity)
    }

    /// Removes a subscription to a resource or to an equivalent URI, if there is one.
    pub(crate) fn remove(&self, session: &SessionState, uri: &Uri) {
        let mut kept = self.0.lock();
        let Some(uris) = kept.get_mut(&session.nonce) else {
            return;
        };
        let removed = uris.remove(uri);
        if uris.is_empty() {
            kept.remove(&session.nonce);
        } else if let Some(removed) = removed {
            kept.resize(&session.nonce, 0, OVERHEAD + removed.bytes());
        }
    }

    /// Returns the URI of a session's subscription to a resource, as its client wrote it.
    pub(crate) fn find(&self, session: &SessionState, uri: &Uri) -> Option<String> {
        let kept = self.0.lock();
        let found = kept.get(&session.nonce)?.find(uri)?;
        Some(found.to_owned())
    }

    /// Checks that a subscription of an account's session may be added.
    ///
    /// # Errors
    /// Returns an error if the store is full, or the share of the account.
    pub(super) fn check(
        &self,
        session: &SessionState,
        account: &Owner,
        uri: &Uri,
    ) -> Result<(), Full> {
        let mut kept = self.0.lock();
        if kept
            .get(&session.nonce)
            .is_some_and(|uris| uris.contains(uri))
        {
            return Ok(());
        }
        let more = Capacity {
            entries: usize::from(kept.get(&session.nonce).is_none()),
            bytes: OVERHEAD + uri.bytes(),
        };
        kept.check(account, more)
    }

    /// Replaces all subscriptions of an account's session at once.
    ///
    /// # Errors
    /// Returns an error if the store is full, or the share of the account.
    pub(super) fn replace(
        &self,
        session: &SessionState,
        account: Owner,
        uris: &[String],
    ) -> Result<(), Full> {
        let mut kept = self.0.lock();
        kept.remove(&session.nonce);
        if uris.is_empty() {
            return Ok(());
        }
        let uris: Uris = uris.iter().collect();
        let bytes = uris
            .iter()
            .map(|uri| OVERHEAD + Uri::new(uri).bytes())
            .sum();
        let lease = session.lease(account, bytes);
        kept.hold(session.nonce, lease, || uris)?;
        Ok(())
    }

    /// Returns the URIs of a session's subscriptions, as its client wrote them.
    pub(crate) fn of(&self, session: &SessionState) -> Vec<String> {
        let kept = self.0.lock();
        let uris = kept.get(&session.nonce).into_iter().flat_map(Uris::iter);
        uris.map(str::to_owned).collect()
    }

    /// Removes all subscriptions of a session.
    pub(super) fn forget(&self, session: &SessionState) {
        self.0.lock().remove(&session.nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::numbered;
    use super::*;
    use crate::store::Capacity;

    fn is_subscribed(subscriptions: &Subscriptions, session: &SessionState, uri: &str) -> bool {
        subscriptions.find(session, &Uri::new(uri)).is_some()
    }

    fn used(subscriptions: &Subscriptions) -> Capacity {
        subscriptions.0.lock().owned_by(&Owner::Local)
    }

    #[test]
    fn each_session_has_subscriptions_of_its_own() {
        let subscriptions = Subscriptions::default();
        let (one, other) = (numbered(1), numbered(2));
        for _ in 0..2 {
            assert!(
                subscriptions
                    .add(&one, Owner::Local, Uri::new("a"), 2)
                    .unwrap()
            );
        }
        assert!(
            subscriptions
                .add(&one, Owner::Local, Uri::new("b"), 2)
                .unwrap()
        );
        assert!(
            !subscriptions
                .add(&one, Owner::Local, Uri::new("c"), 2)
                .unwrap()
        );
        assert!(
            is_subscribed(&subscriptions, &one, "a") && !is_subscribed(&subscriptions, &other, "a")
        );
        let (entries, bytes) = (1, 2 * OVERHEAD + 4);
        assert_eq!(used(&subscriptions), Capacity { entries, bytes });
        subscriptions.remove(&one, &Uri::new("a"));
        subscriptions.remove(&one, &Uri::new("none"));
        let bytes = OVERHEAD + 2;
        assert_eq!(used(&subscriptions), Capacity { entries, bytes });
        assert!(
            !is_subscribed(&subscriptions, &one, "a") && is_subscribed(&subscriptions, &one, "b")
        );
        subscriptions.remove(&one, &Uri::new("b"));
        assert_eq!(used(&subscriptions), Capacity::default());
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_none() {
        let subscriptions = Subscriptions::default();
        for number in 0..REMEMBERED {
            subscriptions.remove(&numbered(REMEMBERED + number), &Uri::new("a"));
            assert!(
                subscriptions
                    .add(&numbered(number), Owner::Local, Uri::new("a"), 1)
                    .unwrap()
            );
        }
        assert!(
            subscriptions
                .add(&numbered(REMEMBERED), Owner::Local, Uri::new("a"), 1)
                .is_err()
        );
        assert!(is_subscribed(&subscriptions, &numbered(0), "a"));
        subscriptions.forget(&numbered(1));
        assert!(
            subscriptions
                .add(&numbered(REMEMBERED), Owner::Local, Uri::new("a"), 1)
                .unwrap()
        );
    }
}
