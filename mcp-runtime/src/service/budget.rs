//! Budgets: limits on the bytes that the server holds for all clients together, with a share for each owner.

use std::collections::HashMap;
use std::sync::Arc;

use super::Limits;
use crate::owner::Owner;
use crate::sync::Mutex;

/// The bytes of each [`Held`] that are not counted, so that small messages cost nothing and are never refused. Their number is
/// limited by those of connections, requests and listeners.
pub(crate) const UNCOUNTED: usize = 16 << 10;

/// The budgets of a server.
#[derive(Debug)]
pub(crate) struct Budgets {
    /// Requests that are being received or served, and what listeners subscribed to.
    pub(crate) received: Arc<Budget>,
    /// Messages that wait to be sent.
    pub(crate) unsent: Arc<Budget>,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            received: Budget::new(limits.received_bytes),
            unsent: Budget::new(limits.unsent_bytes),
        }
    }
}

/// A number of bytes that many owners share.
///
/// An owner may hold as many bytes as remain free for all others. So one owner alone can use half of the budget, and several
/// owners that use all they can still leave a part for the next one.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    usage: Mutex<Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    total: usize,
    owners: HashMap<Owner, usize>,
}

impl Usage {
    fn add(&mut self, owner: &Owner, bytes: usize) {
        self.total = self.total.saturating_add(bytes);
        *self.owners.entry(owner.clone()).or_default() += bytes;
    }
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            usage: Mutex::default(),
        })
    }

    /// Returns the bytes that an owner holds: none at first.
    pub(crate) fn held_by(self: &Arc<Self>, owner: Owner) -> Held {
        Held {
            counted: Some((Arc::clone(self), owner)),
            bytes: 0,
        }
    }

    /// Takes bytes if the owner may have them. A first message of any size is accepted while nothing else is held.
    fn take(&self, owner: &Owner, bytes: usize) -> bool {
        let mut usage = self.usage.lock();
        let before = usage.owners.get(owner).copied().unwrap_or(0);
        let total = usage.total.saturating_add(bytes);
        let fits = total <= self.limit && before + bytes <= self.limit - total;
        let takes = fits || usage.total == 0;
        if takes {
            usage.add(owner, bytes);
        }
        takes
    }

    #[cfg(feature = "http")]
    fn take_always(&self, owner: &Owner, bytes: usize) {
        if bytes > 0 {
            self.usage.lock().add(owner, bytes);
        }
    }

    fn give_back(&self, owner: &Owner, bytes: usize) {
        let mut usage = self.usage.lock();
        usage.total = usage.total.saturating_sub(bytes);
        if let Some(owned) = usage.owners.get_mut(owner) {
            *owned = owned.saturating_sub(bytes);
            if *owned == 0 {
                usage.owners.remove(owner);
            }
        }
    }
}

/// Bytes that are held for an owner, and given back when this is dropped. The default belongs to no budget and is not limited.
#[derive(Debug, Default)]
pub(crate) struct Held {
    counted: Option<(Arc<Budget>, Owner)>,
    bytes: usize,
}

/// The part of `bytes` that counts.
fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(UNCOUNTED)
}

impl Held {
    /// Adds bytes. Returns `false`, and adds none, if the budget does not allow them.
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        let sum = self.bytes.saturating_add(bytes);
        let more = counted(sum) - counted(self.bytes);
        let fits = match &self.counted {
            Some((budget, owner)) if more > 0 => budget.take(owner, more),
            _ => true,
        };
        if fits {
            self.bytes = sum;
        }
        fits
    }

    /// Adds bytes until there are this many.
    #[cfg(feature = "http")]
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        self.add(bytes.saturating_sub(self.bytes))
    }

    /// Returns further bytes that are held for the same owner, also beyond the limit: they have been accepted before.
    #[cfg(feature = "http")]
    pub(crate) fn of_same_owner(&self, bytes: usize) -> Self {
        if let Some((budget, owner)) = &self.counted {
            budget.take_always(owner, counted(bytes));
        }
        Self {
            counted: self.counted.clone(),
            bytes,
        }
    }

    /// Removes bytes.
    pub(crate) fn remove(&mut self, bytes: usize) {
        let rest = self.bytes.saturating_sub(bytes);
        let fewer = counted(self.bytes) - counted(rest);
        self.bytes = rest;
        if let Some((budget, owner)) = self.counted.as_ref().filter(|_| fewer > 0) {
            budget.give_back(owner, fewer);
        }
    }

    /// Removes all bytes.
    pub(crate) fn clear(&mut self) {
        self.remove(self.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn session(number: u8) -> Owner {
        Owner::Session([number; 16])
    }

    fn held(budget: &Arc<Budget>, owner: u8) -> Held {
        budget.held_by(session(owner))
    }

    /// Fills the share of an owner with pieces of this size and returns their number.
    fn fill(budget: &Arc<Budget>, owner: u8, size: usize) -> Vec<Held> {
        let piece = || {
            let mut piece = held(budget, owner);
            piece.add(UNCOUNTED + size).then_some(piece)
        };
        std::iter::from_fn(piece).collect()
    }

    #[test]
    fn an_owner_leaves_as_much_as_it_holds() {
        let budget = Budget::new(LIMIT);
        let first = fill(&budget, 1, LIMIT / 64);
        assert_eq!(first.len(), 32);
        let second = fill(&budget, 2, LIMIT / 64);
        assert_eq!(second.len(), 16);
        assert!(!held(&budget, 1).add(UNCOUNTED + 1));
        drop(first);
        assert_eq!(fill(&budget, 3, LIMIT / 64).len(), 24);
        drop(second);
        assert_eq!(budget.usage.lock().total, 0);
        assert!(budget.usage.lock().owners.is_empty());
    }

    #[test]
    fn small_messages_are_never_refused() {
        let budget = Budget::new(LIMIT);
        let all = fill(&budget, 1, 1000);
        assert!(!held(&budget, 1).add(UNCOUNTED + 1000));
        let mut small = held(&budget, 1);
        assert!((0..16).all(|_| small.add(UNCOUNTED / 16)));
        assert!(!small.add(1000));
        small.remove(1000);
        assert!(small.add(1000));
        drop(all);
        assert!(small.add(1000));
    }

    #[test]
    fn one_message_of_any_size_is_accepted() {
        let budget = Budget::new(LIMIT);
        let mut first = held(&budget, 1);
        assert!(first.add(9 * LIMIT));
        assert!(!held(&budget, 2).add(2 * UNCOUNTED));
        first.clear();
        assert!(held(&budget, 2).add(2 * UNCOUNTED));
        assert!(Held::default().add(usize::MAX));
    }
}
